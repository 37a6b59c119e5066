// The mask editor: what shall be painted anew, brushed over the picture. It sends a grey PNG to Python when a stroke ends.
const TOOLS = {
  brush: { icon: "brush", label: "Brush", keys: "B", hint: "Brush over what shall change. [ and ] or Ctrl+wheel: size. Space and drag moves the view." },
  eraser: { icon: "ink_eraser", label: "Eraser", keys: "E", hint: "Brush over what shall stay as it is. [ and ] or Ctrl+wheel: size." },
  rectangle: { icon: "rectangle", label: "Rectangle", keys: "X", hint: "Drag from corner to corner. With Alt it takes away." },
  lasso: { icon: "lasso_select", label: "Lasso", keys: "L", hint: "Draw around what shall change. With Alt it takes away." },
  fill: { icon: "format_color_fill", label: "Fill", keys: "G", hint: "Click an enclosed area to fill it, or a painted one to empty it." },
}

function beginMask() {
  let data = null
  let revision = 0
  let src = null
  let [wide, high] = [1, 1]
  let bytes = new Uint8Array(1) // the mask as it was after the last step
  let share = 0
  let steps = history()
  let mode = "brush"
  let size = 0 // px of the mask
  let edge = 4
  let stroke = null
  let pointer = null // where the mouse is, on the stage
  let cursor = null // where the keyboard is, in the mask's pixels
  let sending = null // null, "now", "again"
  let waiting = 0
  let wanted = 0
  const post = messenger()
  const canvas = make("canvas", "mask")
  canvas.setAttribute("aria-hidden", "true")
  const pen = canvas.getContext("2d", { willReadFrequently: true })

  const board = makeBoard({
    name: "Mask editor",
    hands: { draw, down, move, up, cancel, hover, key, keyup, wheel, leave: () => waiting && tell(), undo: () => travel("back"), redo: () => travel("forth") },
  })
  board.sheet.append(canvas)
  const whole = () => ({ x: 0, y: 0, w: wide, h: high })
  const inside = (x, y) => board.in(x, y).map((value, k) => (value * [wide, high][k]) / [board.width, board.height][k])
  const outside = (x, y) => board.out((x * board.width) / wide, (y * board.height) / high)
  const zoomed = () => (board.scale * board.width) / wide

  // --- pixels ---
  function read(area) {
    const seen = pen.getImageData(area.x, area.y, area.w, area.h).data
    const result = new Uint8Array(area.w * area.h)
    for (let i = 0; i < result.length; i += 1) result[i] = seen[i * 4 + 3]
    return result
  }
  function paint(area = whole()) {
    pen.putImageData(tinted(bytes, wide, area), area.x, area.y)
  }
  // From the canvas into `bytes`, as one step; `area` is where something can have changed.
  function commit(area = whole()) {
    const place = clipped(area, wide, high)
    if (!place) return
    const now = bytes.slice()
    const seen = read(place)
    for (let y = 0; y < place.h; y += 1) now.set(seen.subarray(y * place.w, (y + 1) * place.w), (place.y + y) * wide + place.x)
    replace(now, { place, drawn: true })
  }
  function replace(now, { place = whole(), drawn = false, quiet = false } = {}) {
    const box = boxOf((i) => now[i] !== bytes[i], wide, place)
    if (!box) return refresh()
    steps.push({ box, before: packed(bytes, wide, box), after: packed(now, wide, box) })
    bytes = now
    if (!drawn) paint(box)
    if (!quiet) tell(drawn ? 0 : PAUSE)
    refresh()
  }
  function travel(way) {
    if (stroke) return
    const step = steps[way]()
    if (!step) return
    unpack(way === "back" ? step.before : step.after, bytes, wide, step.box)
    paint(step.box)
    tell(PAUSE)
    refresh()
  }
  // Python hears of it when a stroke ends, and once after many steps back; a mask from Python meanwhile counts for more.
  function tell(pause = 0) {
    clearTimeout(waiting)
    waiting = pause ? setTimeout(tell, pause) : 0
    if (pause) return
    if (sending) return (sending = "again")
    sending = "now"
    const mine = wanted
    toPicture(bytes, wide, high, (png) => {
      const again = sending === "again"
      sending = null
      if (again) tell()
      else if (mine === wanted) post.later("mask", { png })
    })
  }
  // What stands at `data.mask`, unless something newer was asked for in the meantime.
  function load(done) {
    wanted += 1
    const mine = wanted
    fromPicture(data.mask, wide, high).then(
      (loaded) => mine === wanted && done(loaded),
      () => mine === wanted && board.say("The mask could not be loaded; paint it again."),
    )
  }

  // --- strokes ---
  function begin(x, y, away) {
    stroke = beginStroke(pen, { mode, away, size, x, y })
  }
  function extend(x, y) {
    extendStroke(pen, stroke, size, x, y)
    board.repaint()
  }
  function end() {
    const done = stroke
    stroke = null
    if (done.mode === "fill") bucket(...done.points[0])
    else commit(endStroke(pen, done, size))
  }
  function bucket(x, y) {
    const [px, py] = [Math.floor(x), Math.floor(y)]
    if (px < 0 || py < 0 || px >= wide || py >= high) return refresh()
    replace(filled(bytes, wide, high, px, py))
  }
  function down(x, y, event) {
    cursor = null
    if (event.button !== 0 && event.button !== 2) return false
    begin(...inside(x, y), event.altKey || event.button === 2)
    return true
  }
  function move(x, y) {
    pointer = [x, y]
    if (stroke) extend(...inside(x, y))
  }
  function up() {
    if (stroke) end()
  }
  function cancel() {
    stroke = null
    paint()
    refresh()
  }
  function hover(x, y) {
    pointer = x === null ? null : [x, y]
    if (pointer) cursor = null
    board.repaint()
  }
  function wheel(event) {
    if (!event.ctrlKey) return false
    resize(size * Math.exp(-event.deltaY * 0.0015))
    return true
  }

  // --- keys ---
  function key(event, letter, ctrl) {
    if (event.key === "Escape") {
      if (!stroke) return false
      cancel()
      return true
    }
    if (ctrl || event.altKey) return false
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    const chosen = Object.keys(TOOLS).find((name) => TOOLS[name].keys.toLowerCase() === letter)
    if (chosen) choose(chosen)
    else if (ways[event.key]) walk(...ways[event.key], event.shiftKey ? 10 : 1)
    else if (event.key === " " && !pointer && event.target === board.stage) put(event.repeat)
    else if (event.key === "[" || event.key === "]") resize(event.key === "[" ? Math.min(size - 1, size / 1.12) : Math.max(size + 1, size * 1.12))
    else if (letter === "i") act.invert()
    else if (letter === "s") act.soften()
    else if (letter === ".") act.grow()
    else if (letter === ",") act.shrink()
    else if (event.key === "Delete" || event.key === "Backspace") act.clear()
    else return false
    return true
  }
  function walk(dx, dy, far) {
    pointer = null
    const step = Math.max(1, Math.round(Math.max(wide, high) / 256)) * far
    const [x, y] = cursor || [wide / 2, high / 2]
    cursor = cursor ? [Math.min(wide, Math.max(0, x + dx * step)), Math.min(high, Math.max(0, y + dy * step))] : [x, y]
    const [sx, sy] = outside(...cursor)
    const [w, h] = [board.stage.clientWidth, board.stage.clientHeight]
    if (sx < 20 || sy < 20 || sx > w - 20 || sy > h - 20) board.pan(w / 2 - sx, h / 2 - sy)
    if (stroke) extend(...cursor)
    board.say(`Cursor at x ${Math.round((100 * cursor[0]) / wide)} %, y ${Math.round((100 * cursor[1]) / high)} %`)
    board.repaint()
  }
  // Space paints while it is held; a rectangle or a lasso begins with one press and ends with the next.
  function put(repeated) {
    if (repeated) return
    cursor = cursor || [wide / 2, high / 2]
    if (stroke) end()
    else {
      begin(...cursor, false)
      if (mode === "fill") end()
    }
    board.repaint()
  }
  function keyup(event) {
    if (event.key === " " && cursor && stroke && ROUND.includes(stroke.mode)) end()
  }

  // --- tools ---
  const act = {
    invert: () => replace(bytes.map((value) => 255 - value)),
    clear: () => replace(new Uint8Array(bytes.length)),
    soften: () => replace(softened(bytes, wide, high, edge)),
    grow: () => replace(grown(bytes, wide, high, edge)),
    shrink: () => replace(grown(bytes, wide, high, edge, true)),
  }
  const kinds = board.group("Tool")
  const pick = {}
  for (const [name, one] of Object.entries(TOOLS)) pick[name] = tool(board, { ...one, group: kinds, press: () => choose(name) })
  const sizer = slider(board, { label: "Size", min: 0, max: 100, value: 50, group: kinds, change: (value) => resize(Math.exp((value / 100) * Math.log(most()))) })
  const all = board.group("Whole mask")
  tool(board, { icon: "invert_colors", label: "Invert", keys: "I", group: all, press: act.invert })
  tool(board, { icon: "layers_clear", label: "Clear", keys: "Delete", group: all, press: act.clear })
  const rims = board.group("Edge")
  tool(board, { icon: "expand_content", label: "Grow", keys: ".", group: rims, press: act.grow })
  tool(board, { icon: "collapse_content", label: "Shrink", keys: ",", group: rims, press: act.shrink })
  tool(board, { icon: "blur_on", label: "Soften the edge", keys: "S", group: rims, press: act.soften })
  const edger = slider(board, { label: "by 4 px", min: 1, max: 32, value: 4, group: rims, change: (value) => by(value) })
  edger.setAttribute("aria-label", "Pixels to grow, shrink or soften by")
  sizer.parentElement.classList.add("sized")
  edger.parentElement.classList.add("edged")
  const past = board.group("Steps")
  const undo = tool(board, { icon: "undo", label: "Undo", keys: "Ctrl+Z", group: past, press: () => travel("back") })
  const redo = tool(board, { icon: "redo", label: "Redo", keys: "Ctrl+Shift+Z", group: past, press: () => travel("forth") })
  const veil = slider(board, { label: "Opacity", min: 10, max: 100, step: 5, value: 60, group: board.group("View"), change: (value) => (canvas.style.opacity = value / 100) })
  canvas.style.opacity = veil.value / 100
  board.ready()
  const most = () => Math.max(2, Math.max(wide, high) / 2)
  function by(value) {
    edge = value
    edger.value = value
    reading(edger, `by ${value} px`)
  }
  function resize(value) {
    size = Math.round(Math.min(most(), Math.max(1, value)))
    sizer.value = (100 * Math.log(size)) / Math.log(most())
    reading(sizer, `Size ${size} px`)
    board.repaint()
  }
  function choose(name) {
    if (stroke) cancel()
    mode = name
    for (const [each, button] of Object.entries(pick)) press(button, each === name)
    board.hint(TOOLS[name].hint)
    board.repaint()
  }
  choose("brush")

  // --- what is seen ---
  function refresh() {
    share = shareOf(bytes)
    enable(undo, steps.past())
    enable(redo, steps.future())
    const percent = share * 100
    const words = percent >= 99.95 ? "All of the picture" : `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} % of the picture`
    board.say(share ? words : "Nothing is painted yet")
    board.repaint()
  }
  function draw(over) {
    if (stroke) drawOutline(over, stroke, outside)
    const spot = cursor ? outside(...cursor) : pointer
    board.stage.style.cursor = ROUND.includes(mode) && pointer ? "none" : "crosshair"
    if (spot) drawCursor(over, spot, { mode, radius: Math.max(1.5, (size / 2) * zoomed()), keyboard: Boolean(cursor) })
  }

  function take(now) {
    const known = Boolean(data) && now.src === src
    const news = !known || now.revision !== revision
    const sized = wide !== now.columns || high !== now.rows
    data = now
    board.resize(data.width, data.height)
    board.show(data.src, data.alt)
    if (sized || !known) {
      ;[wide, high] = [data.columns, data.rows]
      Object.assign(canvas, { width: wide, height: high })
      bytes = new Uint8Array(wide * high)
      steps = history()
      if (stroke) stroke = null
      if (sized) resize(Math.max(wide, high) / 12), by(Math.max(1, Math.round(Math.max(wide, high) / 128)))
      edger.max = Math.max(8, Math.round(Math.max(wide, high) / 32))
    }
    if (news) {
      revision = data.revision
      src = data.src
      post.drop()
      clearTimeout(waiting)
      load((loaded) => {
        if (known) return replace(loaded, { quiet: true })
        bytes = loaded
        paint()
        refresh()
      })
    }
    refresh()
  }
  return { board, post, take }
}

export default function ({ data, parentElement, setStateValue }) {
  return instance(data, parentElement, setStateValue, beginMask)
}
