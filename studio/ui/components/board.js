// The stage that the editors share: a picture with zoom and pan, a toolbar above, and words below for what is going on.
// It knows pointers and keys, and nothing of figures or masks: those are the `hands` that an editor lends it.
const PADDING = 30 // px around a fitted picture, so that handles at its edge can be reached
const TOUCH = 1.7 // a finger is less exact than a mouse

function makeBoard({ name, hands }) {
  const root = make("div", "board")
  const bar = make("div", "bar")
  bar.setAttribute("role", "toolbar")
  bar.setAttribute("aria-label", `${name}: tools`)
  const stage = make("div", "stage")
  stage.tabIndex = 0
  stage.setAttribute("role", "application")
  stage.setAttribute("aria-label", name)
  const sheet = make("div", "sheet")
  const picture = make("img", "picture")
  picture.draggable = false
  picture.onload = () => picture.classList.add("here")
  picture.onerror = () => board.say("The picture could not be loaded; choose it again.")
  sheet.append(picture)
  const over = make("canvas", "over")
  over.setAttribute("aria-hidden", "true")
  const lens = make("div", "lens")
  const foot = make("div", "foot")
  const hint = make("p", "hint")
  hint.id = "hint"
  stage.setAttribute("aria-describedby", "hint")
  const status = make("p", "status")
  status.setAttribute("role", "status")
  foot.append(hint, status)
  stage.append(sheet, over)
  const frame = make("div", "frame")
  frame.append(stage, lens)
  root.append(bar, frame, foot)

  const board = { root, bar, frame, stage, sheet, picture, over, width: 1, height: 1, scale: 1, x: 0, y: 0, fitted: true, space: false }
  let asked = false
  let words = ""
  const fingers = new Map()
  let pinch = null
  let hold = "" // what the pressed pointer does: "", "pan", "hand"

  board.group = (label) => {
    const group = make("div", "group")
    group.setAttribute("role", "group")
    group.setAttribute("aria-label", label)
    bar.append(group)
    return group
  }
  board.hint = (text) => {
    words = text
    if (!hint.dataset.tip) hint.textContent = text
  }
  board.tip = (text) => {
    hint.dataset.tip = text
    hint.textContent = text || words
  }
  board.say = (text) => {
    if (status.textContent !== text) status.textContent = text
  }
  board.repaint = () => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      const sharp = window.devicePixelRatio || 1
      const [w, h] = [Math.round(stage.clientWidth * sharp), Math.round(stage.clientHeight * sharp)]
      if (over.width !== w || over.height !== h) Object.assign(over, { width: w, height: h })
      const pen = over.getContext("2d")
      pen.setTransform(sharp, 0, 0, sharp, 0, 0)
      pen.clearRect(0, 0, stage.clientWidth, stage.clientHeight)
      hands.draw(pen)
    })
  }
  board.colour = (name) => getComputedStyle(stage).getPropertyValue(name).trim()
  board.resize = (width, height) => {
    if (board.width === width && board.height === height) return
    Object.assign(board, { width, height })
    board.fit()
  }
  board.show = (src, alt) => {
    picture.hidden = !src
    picture.alt = alt
    if (src && picture.getAttribute("src") !== src) {
      picture.classList.remove("here")
      picture.src = src
    }
  }
  const place = () => {
    sheet.style.transform = `translate(${board.x}px, ${board.y}px)`
    sheet.style.width = `${board.width * board.scale}px`
    sheet.style.height = `${board.height * board.scale}px`
    sheet.classList.toggle("pixels", board.scale > 9)
    stage.dataset.view = [board.x, board.y, board.scale].map((number) => number.toFixed(4)).join(" ")
    percent.textContent = `${Math.round(board.scale * 100)} %`
    board.repaint()
  }
  const fitting = () =>
    Math.max(0.01, Math.min((stage.clientWidth - 2 * PADDING) / board.width, (stage.clientHeight - 2 * PADDING) / board.height))
  board.fit = () => {
    if (!stage.clientWidth) return
    board.fitted = true
    board.scale = fitting()
    board.x = (stage.clientWidth - board.width * board.scale) / 2
    board.y = (stage.clientHeight - board.height * board.scale) / 2
    place()
  }
  board.zoom = (factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
    const least = Math.min(fitting() * 0.5, 1)
    const scale = Math.min(Math.max(board.scale * factor, least), Math.max(fitting() * 12, 16))
    board.x = x - ((x - board.x) * scale) / board.scale
    board.y = y - ((y - board.y) * scale) / board.scale
    Object.assign(board, { scale, fitted: false })
    place()
  }
  board.pan = (dx, dy) => {
    board.x = Math.min(stage.clientWidth - 40, Math.max(40 - board.width * board.scale, board.x + dx))
    board.y = Math.min(stage.clientHeight - 40, Math.max(40 - board.height * board.scale, board.y + dy))
    board.fitted = false
    place()
  }
  // Between the picture's pixels and the stage's
  board.out = (x, y) => [board.x + x * board.scale, board.y + y * board.scale]
  board.in = (x, y) => [(x - board.x) / board.scale, (y - board.y) / board.scale]
  const where = (event) => {
    const box = stage.getBoundingClientRect()
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop]
  }

  stage.onpointerdown = (event) => {
    stage.classList.add("mouse")
    stage.focus({ preventScroll: true })
    stage.setPointerCapture(event.pointerId)
    const [x, y] = where(event)
    fingers.set(event.pointerId, [x, y])
    if (fingers.size === 2 && event.pointerType === "touch") {
      if (hold === "hand") hands.cancel()
      hold = ""
      pinch = true
      return
    }
    if (fingers.size > 1) return
    hold = event.button === 1 || board.space ? "pan" : hands.down(x, y, event) ? "hand" : event.button === 0 ? "pan" : ""
    stage.classList.toggle("panning", hold === "pan")
    if (event.button === 1) event.preventDefault()
  }
  stage.onpointermove = (event) => {
    const [x, y] = where(event)
    const before = fingers.get(event.pointerId)
    if (!before) return hands.hover(x, y, event)
    if (pinch && fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at)
      const spread = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1
      board.pan((x - before[0]) / 2, (y - before[1]) / 2)
      board.zoom(spread([x, y]) / spread(before), (x + other[0]) / 2, (y + other[1]) / 2)
    } else if (hold === "pan") board.pan(x - before[0], y - before[1])
    else if (hold === "hand") {
      const parts = event.getCoalescedEvents ? event.getCoalescedEvents() : []
      for (const part of parts.length ? parts : [event]) hands.move(...where(part), event)
    }
    fingers.set(event.pointerId, [x, y])
  }
  const release = (event, ended) => {
    if (!fingers.delete(event.pointerId)) return
    if (fingers.size) return
    if (hold === "hand") ended ? hands.up(...where(event), event) : hands.cancel()
    hold = ""
    pinch = null
    stage.classList.remove("panning")
  }
  stage.onpointerup = (event) => release(event, true)
  stage.onpointercancel = (event) => release(event, false)
  stage.onpointerleave = () => hands.hover(null, null)
  stage.oncontextmenu = (event) => event.preventDefault()
  stage.addEventListener(
    "wheel",
    (event) => {
      // A page that is only scrolled past must scroll on: the wheel zooms once somebody works here.
      if (stage.getRootNode().activeElement !== stage && !event.ctrlKey) return
      event.preventDefault()
      if (hands.wheel && hands.wheel(event)) return
      board.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...where(event))
    },
    { passive: false },
  )

  root.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) return // the page's own button
    const inside = event.target
    stage.classList.remove("mouse")
    const native = inside.matches("input") ? /^(Arrow|Home|End|Page|Tab)/ : inside.matches("button") ? /^(Enter| |Tab|Arrow|Home|End)/ : null
    if (native && native.test(event.key)) return event.stopPropagation()
    const ctrl = event.ctrlKey || event.metaKey
    const letter = event.key.toLowerCase()
    let done = true
    if (ctrl && letter === "z") event.shiftKey ? hands.redo() : hands.undo()
    else if (ctrl && letter === "y") hands.redo()
    else if (!ctrl && !event.altKey && (event.key === "+" || event.key === "=")) board.zoom(1.25)
    else if (!ctrl && !event.altKey && event.key === "-") board.zoom(0.8)
    else if (!ctrl && !event.altKey && event.key === "0") board.fit()
    else done = hands.key(event, letter, ctrl)
    if (!done && event.key === " " && inside === stage) {
      board.space = done = true
      stage.classList.add("hand")
    }
    if (done) event.preventDefault()
    // The page's own single-letter shortcuts must not go off while somebody works here.
    if (done || (!ctrl && event.key.length === 1)) event.stopPropagation()
  })
  const freed = () => {
    board.space = false
    stage.classList.remove("hand")
  }
  root.addEventListener("keyup", (event) => {
    if (event.key === " ") freed()
    if (hands.keyup) hands.keyup(event)
    event.stopPropagation()
  })
  stage.addEventListener("blur", freed)
  root.addEventListener("focusout", (event) => {
    if (!root.contains(event.relatedTarget)) hands.leave() // somebody reaches for the page: it must know everything
  })

  lens.setAttribute("role", "toolbar")
  lens.setAttribute("aria-label", `${name}: zoom`)
  tool(board, { icon: "remove", label: "Zoom out", keys: "−", group: lens, press: () => board.zoom(0.8) })
  const percent = make("span", "percent")
  lens.append(percent)
  tool(board, { icon: "add", label: "Zoom in", keys: "+", group: lens, press: () => board.zoom(1.25) })
  tool(board, { icon: "fit_screen", label: "Fit the picture", keys: "0", group: lens, press: board.fit })
  roving(lens)()
  board.ready = roving(bar)
  new ResizeObserver(() => (board.fitted ? board.fit() : place())).observe(stage)
  return board
}
