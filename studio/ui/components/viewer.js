// One picture after the other over the whole screen: a quick look, or a slideshow. It fetches copies for the screen, no originals.
const SECONDS = [2, 4, 6, 10, 20]
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches

const tool = (label, icon, does) => pressable(`tool ${icon}`, label, does, glyph(icon))

function viewer(root, wall) {
  const box = make("dialog", "viewer")
  const stage = make("div", "stage")
  const words = make("p", "words")
  const count = make("span", "place")
  const stars = make("span", "stars")
  const pace = make("select", "pace")
  pace.setAttribute("aria-label", "Seconds for each picture")
  for (const seconds of SECONDS) pace.append(new Option(`${seconds} s`, seconds, seconds === 4, seconds === 4))
  const self = { at: 0, list: null, playing: false, timer: 0, shown: null, quiet: 0, turn: 0 }
  const many = () => (self.list ? self.list.length : wall.count())
  const item = async (at) => (self.list ? self.list[at] || null : wall.item(at))

  const play = tool("Play", "play_arrow", () => run(!self.playing))
  const heart = tool("Favourite (f)", "favorite", () => wall.key(self.item, "f"))
  const full = tool("Full screen", "fullscreen", () => {
    if (document.fullscreenElement) document.exitFullscreen()
    else box.requestFullscreen?.().catch(() => {})
  })
  const bar = make("div", "above")
  bar.append(
    count, make("span", "gap"), tool("Previous (left arrow)", "chevron_left", () => step(-1)), play, pace,
    tool("Next (right arrow)", "chevron_right", () => step(1)), heart,
    tool("Everything about it (Enter)", "info", () => leaveFor()), full, tool("Close (Esc)", "close", () => box.close()),
  )
  const below = make("div", "below")
  below.append(stars, words)
  box.append(stage, bar, below)
  root.append(box)

  function fill() {
    const one = self.item
    if (!one) return
    box.setAttribute("aria-label", one.alt)
    words.textContent = one.alt
    count.textContent = `${(self.at + 1).toLocaleString("en")} of ${many().toLocaleString("en")}`
    heart.classList.toggle("on", one.favourite)
    heart.setAttribute("aria-pressed", String(one.favourite))
    mark(stars, one.rating)
  }

  async function show(at) {
    const turn = (self.turn += 1)
    clearTimeout(self.timer)
    const one = await item(at).catch((error) => (wall.say(error.message), null))
    if (turn !== self.turn || !box.open) return
    if (!one) return many() ? undefined : box.close()
    self.at = at
    self.item = one
    fill()
    const image = make("img")
    image.alt = one.alt
    image.draggable = false
    const arrive = () => {
      if (turn !== self.turn) return
      const old = [...stage.children]
      stage.append(image)
      image.getBoundingClientRect() // so that it begins unseen
      image.classList.add("here")
      const away = () => old.forEach((other) => other.remove())
      if (still()) away()
      else setTimeout(away, 420)
      if (self.playing) self.timer = setTimeout(() => step(1), Number(pace.value) * 1000)
      ahead(at + 1)
    }
    image.onload = arrive
    image.onerror = () => {
      image.onerror = arrive
      image.src = `/thumbs/${one.id}` // its file is gone for now; the small picture is still here
    }
    image.src = `/shown/${one.id}`
    wall.follow(self.list ? -1 : at)
  }

  async function ahead(at) {
    const next = await item(at).catch(() => null)
    if (next) new Image().src = `/shown/${next.id}`
  }

  function step(by) {
    const last = many() - 1
    const to = self.at + by
    if (to > last) return self.playing ? show(0) : undefined
    if (to >= 0) show(to)
  }

  function run(on) {
    self.playing = on
    play.replaceChildren(glyph(on ? "pause" : "play_arrow"))
    play.setAttribute("aria-label", on ? "Pause" : "Play")
    play.title = on ? "Pause (p)" : "Play (p)"
    box.classList.toggle("playing", on)
    clearTimeout(self.timer)
    if (on) self.timer = setTimeout(() => step(1), Number(pace.value) * 1000)
    wake()
  }

  function wake() {
    box.classList.remove("idle")
    clearTimeout(self.quiet)
    self.quiet = setTimeout(() => box.classList.toggle("idle", self.playing), 2500)
  }

  function leaveFor() {
    const one = self.item
    box.close()
    if (one) wall.open(one)
  }

  pace.onchange = () => run(self.playing)
  box.onpointermove = wake
  box.onclose = () => {
    clearTimeout(self.timer)
    self.playing = false
    self.turn += 1
    stage.replaceChildren()
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {})
    wall.back()
  }
  stage.onclick = () => (self.playing ? run(false) : box.close())
  box.onkeydown = (event) => {
    event.stopPropagation()
    wake()
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key.toLowerCase() === "z") (event.preventDefault(), wall.key(self.item, "undo").then(() => show(self.at)))
      return
    }
    if (event.target === pace && event.key !== "Escape") return
    const at = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key]
    if (at) step(at)
    else if (event.key === "Home") show(0)
    else if (event.key === "End") show(many() - 1)
    else if (event.key === "p" || (event.key === " " && self.playing)) run(!self.playing)
    else if (event.key === " " && event.target.tagName !== "BUTTON") box.close()
    else if (event.key === "Enter" && event.target.tagName !== "BUTTON") leaveFor()
    else if (event.key === "Delete") away()
    else if (/^[0-5f-]$/.test(event.key)) wall.key(self.item, event.key)
    else return
    event.preventDefault()
  }

  async function away() {
    const gone = self.item
    if (!gone || !(await wall.key(gone, "Delete"))) return
    if (self.list) self.list = self.list.filter((one) => one !== gone)
    if (many()) show(Math.min(self.at, many() - 1))
    else box.close()
  }

  return {
    get on() {
      return box.open
    },
    fill,
    open({ at = 0, list = null, play: playing = false }) {
      self.list = list
      if (!box.open) box.showModal()
      box.focus()
      run(playing)
      if (playing) box.requestFullscreen?.().catch(() => {})
      show(at)
    },
  }
}

function mark(stars, rating) {
  stars.className = rating < 0 ? "stars down" : "stars"
  stars.style.setProperty("--n", Math.max(0, rating))
  stars.hidden = !rating
}
