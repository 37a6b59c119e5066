// The search box: what one types with completions from the studio, pictures pasted or dropped, and chips of what was understood.
// Every word enters the page as text; what may come next is asked of /suggest, so the page's script rests while one types.
const WAIT = 60 // ms without a key
const OURS = /\/(?:pictures|thumbs|shown)\/(\d{1,18})(?:[?#]|$)/
const ARTWORKS = "application/x-easel-artworks"

// A colour beside its name; what is none leaves the spot empty
function swatch(value) {
  const made = make("span", "swatch")
  made.style.backgroundColor = value
  return made
}

function built(root) {
  const box = make("div", "box")
  const line = make("div", "line")
  const input = make("input")
  Object.assign(input, { type: "text", autocomplete: "off", spellcheck: false, maxLength: 4000, enterKeyHint: "search" })
  const said = { role: "combobox", "aria-label": "Search", "aria-autocomplete": "list", "aria-controls": "next", "aria-expanded": "false" }
  for (const [name, value] of Object.entries(said)) input.setAttribute(name, value)
  const list = make("div", "next")
  list.id = "next"
  list.hidden = true
  list.setAttribute("role", "listbox")
  list.setAttribute("aria-label", "Suggestions")
  const key = make("kbd", "", "/")
  key.setAttribute("aria-hidden", "true")
  const chips = make("div", "chips")
  chips.setAttribute("role", "group")
  chips.setAttribute("aria-label", "What is searched for")
  line.append(glyph("search"), input, key)
  box.append(line, list)
  root.append(box, chips)
  return { box, line, input, list, chips, key, text: null, found: [], at: -1, asked: 0, timer: 0, act: {} }
}

// --- what may come next -------------------------------------------------------------------------------------------------

function close(me) {
  clearTimeout(me.timer)
  me.asked += 1 // an answer on its way comes too late
  me.list.hidden = true
  me.at = -1
  me.input.setAttribute("aria-expanded", "false")
  me.input.removeAttribute("aria-activedescendant")
}

function later(me) {
  clearTimeout(me.timer)
  me.timer = setTimeout(() => suggest(me), WAIT)
}

async function suggest(me) {
  const turn = ++me.asked
  const until = me.input.selectionStart ?? me.input.value.length
  const text = me.input.value.slice(0, until)
  let found = []
  try {
    const answer = await fetch(`/suggest?q=${encodeURIComponent(text)}`)
    if (answer.ok) found = await answer.json()
  } catch {
    // the studio is away; one can still type
  }
  if (turn !== me.asked || !Array.isArray(found)) return
  const pointed = me.found[me.at]?.piece // while this answer was on its way
  me.found = found.map((one) => ({ ...one, text: one.text + me.input.value.slice(until) }))
  show(me, !text.trim())
  point(me, me.found.findIndex((one) => one.piece === pointed))
}

function show(me, teaching) {
  if (!me.found.length) return close(me)
  const rows = me.found.map((one, index) => {
    const row = make("div", "row")
    row.id = `next-${index}`
    row.setAttribute("role", "option")
    row.setAttribute("aria-selected", "false")
    const piece = make("span", "piece", one.piece)
    const colour = /^-?colour:(#?\w+)$/.exec(one.piece)
    if (colour) piece.prepend(swatch(colour[1]))
    row.append(piece, make("span", "meaning", one.meaning || ""))
    if (typeof one.count === "number") row.append(make("span", "count", one.count.toLocaleString("en")))
    row.addEventListener("pointerdown", (event) => {
      event.preventDefault() // the box keeps the focus
      take(me, one, true)
    })
    return row
  })
  const head = make("p", "head", teaching ? "Try, from your gallery" : "")
  head.hidden = !teaching
  const foot = make("p", "foot")
  foot.setAttribute("aria-hidden", "true")
  for (const [name, does] of [["Enter", "searches"], ["Tab", "completes"], ["−", "before it: without"]]) {
    foot.append(make("kbd", "", name), make("span", "", does))
  }
  me.list.replaceChildren(head, ...rows, foot)
  me.list.hidden = false
  me.input.setAttribute("aria-expanded", "true")
}

function point(me, at) {
  me.at = at
  me.list.querySelectorAll(".row").forEach((row, index) => {
    row.setAttribute("aria-selected", String(index === me.at))
    if (index === me.at) row.scrollIntoView({ block: "nearest" })
  })
  if (at < 0) me.input.removeAttribute("aria-activedescendant")
  else me.input.setAttribute("aria-activedescendant", `next-${at}`)
}

function step(me, by) {
  const count = me.found.length
  point(me, me.at < 0 && by < 0 ? count - 1 : (me.at + by + count) % count)
}

function take(me, one, ask) {
  const open = one.piece.endsWith(":") // a filter's name; its value is still to come
  me.input.value = open ? one.text : `${one.text.trimEnd()} `
  if (open) return suggest(me)
  close(me)
  if (ask) me.act.ask(me.input.value)
}

function keyed(me, event) {
  if (event.isComposing) return
  const open = !me.list.hidden
  const one = open ? me.found[me.at] : undefined
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (open) step(me, event.key === "ArrowDown" ? 1 : -1)
    else suggest(me)
  } else if (event.key === "Enter") {
    if (one) take(me, one, true)
    else me.act.ask(me.input.value)
  } else if (event.key === "Tab" && open && !event.shiftKey && (one || me.input.value.trim())) {
    take(me, one || me.found[0], false)
  } else if (event.key === "Escape" && open) {
    close(me)
  } else if (event.key === "Escape") {
    me.input.blur()
  } else {
    return
  }
  event.preventDefault()
  event.stopPropagation()
}

// --- pictures to search by ----------------------------------------------------------------------------------------------

function given(me, transfer) {
  const listed = (transfer.getData(ARTWORKS) || "").match(/\d{1,18}/g) || []
  const linked = OURS.exec(transfer.getData("text/uri-list") || "")
  const ids = listed.length || !linked ? listed : [linked[1]]
  if (ids.length) {
    me.act.ask([me.input.value.trim(), ...ids.slice(0, 8).map((id) => `like:${id}`)].filter(Boolean).join(" "))
    return true
  }
  const files = [...transfer.files].filter((file) => !file.type || file.type.startsWith("image/"))
  if (files.length) upload(me, files.slice(0, 8))
  return files.length > 0
}

function upload(me, files) {
  const door = document.querySelector(`[class*="${CSS.escape(me.door)}"] input[type=file]`)
  if (!door) return
  const bag = new DataTransfer()
  files.forEach((file) => bag.items.add(file))
  door.files = bag.files
  door.dispatchEvent(new Event("change", { bubbles: true }))
}

// --- chips --------------------------------------------------------------------------------------------------------------

function chip(me, one) {
  const made = make("span", `chip${one.wanted ? "" : " not"}${one.src ? " seen" : ""}`)
  const turned = one.wanted ? "turn it round: without it" : "turn it round: with it"
  const words = make("span", "words")
  if (!one.wanted) words.append(make("i", "", "not"))
  if (one.name) words.append(make("span", "name", one.name))
  words.append(make("span", "value", one.value))
  const face = one.fixed ? make("span", "face") : pressable("face", `${one.said}; ${turned}`, () => me.act.turn(one, "flip"))
  face.append(words)
  if (one.src) {
    const image = make("img")
    image.alt = one.alt || ""
    image.src = one.src
    face.prepend(image)
  } else if (one.name === "colour") {
    face.prepend(swatch(one.value))
  } else if (one.symbol) {
    face.prepend(glyph(one.symbol))
  }
  made.append(face)
  if (one.less || one.more) {
    const weigh = make("span", "weigh")
    const less = pressable("small", `${one.said}: count less`, () => me.act.turn(one, "less"), glyph("remove"))
    const more = pressable("small", `${one.said}: count more`, () => me.act.turn(one, "more"), glyph("add"))
    less.disabled = !one.less
    more.disabled = !one.more
    weigh.append(less, make("span", "weight", one.weight), more)
    made.append(weigh)
  }
  made.append(pressable("small", `Remove ${one.said}`, () => me.act.turn(one, "off"), glyph("close")))
  return made
}

function drawn(me, data) {
  const held = data.chips.map((one) => chip(me, one))
  if (data.chips.length > 1) {
    const clear = pressable("clear", "Clear all", () => me.act.clear())
    clear.append("Clear all")
    held.push(clear)
  }
  me.chips.replaceChildren(...held)
  me.chips.hidden = !held.length
}

// --- the box ------------------------------------------------------------------------------------------------------------

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".search") || parentElement.appendChild(make("div", "search"))
  const me = (root.me ||= built(root))
  me.door = data.door
  const send = (name, value) => setTriggerValue(name, { ...value, n: Date.now() })
  me.act.ask = (text) => {
    close(me)
    me.text = text.trim()
    me.input.value = me.text
    send("ask", { text: me.text })
  }
  me.act.turn = (one, way) => (one.spool ? send("weigh", { spool: one.spool, to: one[way] }) : me.act.ask(one[way]))
  me.act.clear = () => {
    me.text = ""
    me.input.value = ""
    send("clear", {})
  }
  if (!me.pick) {
    me.pick = pressable("pick", "Search by a picture: choose one, or drop or paste it here", () => {
      document.querySelector(`[class*="${CSS.escape(me.door)}"] input[type=file]`)?.click()
    }, glyph("image_search"))
    me.line.append(me.pick)
  }
  const uploader = document.querySelector(`[class*="${CSS.escape(me.door)}"]`)
  if (uploader) uploader.inert = true // nobody sees it, so nobody should land on it; what is chosen and dropped here goes through it
  me.input.placeholder = data.placeholder
  if (data.text !== me.text) {
    me.text = data.text // somebody else changed what is searched for
    me.input.value = data.text
  }
  drawn(me, data)

  const { input, box } = me
  input.oninput = () => {
    point(me, -1) // what is typed is meant, until one points again
    later(me)
  }
  input.onclick = () => me.list.hidden && suggest(me)
  input.onfocus = () => !input.value.trim() && suggest(me)
  input.onkeydown = (event) => keyed(me, event)
  input.onblur = () => close(me)
  box.ondragover = (event) => {
    event.preventDefault()
    box.classList.add("over")
  }
  box.ondragleave = (event) => !box.contains(event.relatedTarget) && box.classList.remove("over")
  box.ondrop = (event) => {
    event.preventDefault()
    event.stopPropagation()
    box.classList.remove("over")
    given(me, event.dataTransfer)
  }

  const typing = (event) => {
    const target = event.composedPath()[0]
    return target instanceof Element && (target.matches("input, textarea, select") || target.isContentEditable)
  }
  const slash = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return
    event.preventDefault()
    input.focus()
    input.select()
  }
  const pasted = (event) => {
    const here = event.composedPath()[0] === input
    if ((typing(event) && !here) || !event.clipboardData?.files.length) return
    if (given(me, event.clipboardData)) event.preventDefault()
  }
  document.addEventListener("keydown", slash)
  document.addEventListener("paste", pasted)
  return () => {
    document.removeEventListener("keydown", slash)
    document.removeEventListener("paste", pasted)
  }
}
