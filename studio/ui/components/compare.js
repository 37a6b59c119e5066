// Two pictures: one over the other with a slider between, side by side, or what differs between them. Nothing is changed.
const STRONGER = 4 // times; small differences would not be seen
const SHARPEST = 2048 // px on the long side for the difference

function shown(side, ready) {
  const image = make("img")
  image.draggable = false
  image.alt = side.alt
  image.onload = () => {
    image.classList.add("here")
    ready()
  }
  image.src = side.src
  return image
}

// Where a picture with `object-fit: contain` really is within its box, from left to right.
function spread(image, box) {
  if (!image.naturalWidth || !box.clientWidth) return [0, box.clientWidth || 1]
  const width = Math.min(box.clientWidth, (box.clientHeight * image.naturalWidth) / image.naturalHeight)
  return [(box.clientWidth - width) / 2, width]
}

function slide(view, { one, two }, memory) {
  const grip = make("div", "grip")
  grip.tabIndex = 0
  grip.setAttribute("role", "slider")
  grip.setAttribute("aria-label", `Where “${one.label}” ends and “${two.label}” begins`)
  grip.setAttribute("aria-orientation", "horizontal")
  grip.setAttribute("aria-valuemin", "0")
  grip.setAttribute("aria-valuemax", "100")
  const line = make("span", "line")
  const knob = make("span", "knob")
  knob.append(make("i"), make("i"))
  grip.append(line, knob)
  const place = () => {
    const [left, width] = spread(under, view)
    const x = left + (width * memory.share) / 100
    over.style.clipPath = `inset(0 0 0 ${x}px)`
    under.style.clipPath = `inset(0 ${view.clientWidth - x}px 0 0)`
    grip.style.transform = `translateX(${x}px)`
    grip.setAttribute("aria-valuenow", String(Math.round(memory.share)))
  }
  const under = shown(one, place)
  const over = shown(two, place)
  const to = (share) => {
    memory.share = Math.min(100, Math.max(0, share))
    place()
  }
  const drag = (event) => {
    const [left, width] = spread(under, view)
    to(((event.clientX - view.getBoundingClientRect().left - left) / width) * 100)
  }
  view.onpointerdown = (event) => {
    if (event.button) return
    view.setPointerCapture(event.pointerId)
    grip.focus({ preventScroll: true })
    drag(event)
    view.onpointermove = drag
  }
  view.onpointerup = view.onpointercancel = () => (view.onpointermove = null)
  grip.onkeydown = (event) => {
    const far = event.shiftKey ? 10 : 2
    const ways = { ArrowLeft: memory.share - far, ArrowDown: memory.share - far, ArrowRight: memory.share + far, ArrowUp: memory.share + far, PageDown: memory.share - 25, PageUp: memory.share + 25, Home: 0, End: 100 }
    if (!(event.key in ways)) return
    event.preventDefault()
    event.stopPropagation()
    to(ways[event.key])
  }
  view.append(under, over, grip, make("span", "name", one.label), make("span", "name right", two.label))
  memory.watch = new ResizeObserver(place)
  memory.watch.observe(view)
}

function beside(view, sides) {
  for (const side of sides) {
    const half = make("figure")
    half.append(
      shown(side, () => {}),
      make("span", "name", side.label),
    )
    view.append(half)
  }
}

function difference(view, { one, two }, note) {
  const canvas = make("canvas")
  canvas.setAttribute("role", "img")
  note.textContent = "The pictures are being compared."
  const pair = []
  const ready = () => {
    if (!pair.every((image) => image.complete && image.naturalWidth) || !canvas.isConnected) return
    const [a, b] = pair
    const shrink = Math.min(1, SHARPEST / Math.max(a.naturalWidth, a.naturalHeight))
    const [width, height] = [a.naturalWidth, a.naturalHeight].map((side) => Math.max(1, Math.round(side * shrink)))
    const pixels = (image) => {
      Object.assign(canvas, { width, height })
      const pen = canvas.getContext("2d", { willReadFrequently: true })
      pen.drawImage(image, 0, 0, width, height)
      return pen.getImageData(0, 0, width, height)
    }
    const [first, second] = [pixels(a), pixels(b)]
    let other = 0
    for (let i = 0; i < first.data.length; i += 4) {
      let most = 0
      for (let k = i; k < i + 4; k += 1) {
        const apart = Math.abs(first.data[k] - second.data[k])
        if (apart > most) most = apart
        first.data[k] = Math.min(255, apart * STRONGER)
      }
      first.data[i + 3] = 255
      if (most) other += 1
    }
    canvas.getContext("2d").putImageData(first, 0, 0)
    const percent = (100 * other) / (width * height)
    const sized = a.naturalWidth !== b.naturalWidth || a.naturalHeight !== b.naturalHeight
    const share = percent < 0.1 ? "Less than 0.1" : percent.toFixed(percent < 10 ? 1 : 0)
    note.textContent =
      (other ? `${share} % of the pixels differ; what differs is shown ${STRONGER} times as strong.` : "The pictures are identical.") +
      (sized ? ` Their sizes differ (${a.naturalWidth} × ${a.naturalHeight} and ${b.naturalWidth} × ${b.naturalHeight}); the second was fitted to the first.` : "")
    canvas.setAttribute("aria-label", note.textContent)
  }
  view.append(canvas)
  for (const side of [one, two]) pair.push(shown(side, () => pair.length === 2 && ready()))
}

const open = new WeakMap()

export default function ({ data, parentElement }) {
  let self = open.get(parentElement)
  if (!self) {
    self = { box: make("div", "compare"), said: "", share: 50 }
    open.set(parentElement, self)
    parentElement.append(self.box)
  }
  const said = JSON.stringify(data)
  if (said === self.said) return // a new run of the page with the same pictures
  self.said = said
  if (self.watch) self.watch.disconnect()
  const view = make("div", `view ${data.mode}`)
  const note = make("p", "note")
  note.setAttribute("role", "status")
  self.box.replaceChildren(view, note)
  if (data.mode === "side") beside(view, [data.one, data.two])
  else if (data.mode === "difference") difference(view, data, note)
  else {
    slide(view, data, self)
    note.textContent = "Drag across the picture, or use the arrow keys."
  }
}
