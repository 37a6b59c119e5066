// The pose editor: figures over the picture, to be dragged, turned and mirrored. It sends joints to Python when a move ends.
const HINTS = {
  none: "Add a figure to begin; every joint of it can be dragged.",
  calm: "Drag a joint to move it, click a limb to take the whole figure. The wheel zooms; Space and drag moves the view.",
  figure: "Drag to move; a corner scales, the round handle turns (Shift: in steps). Arrows move, [ ] turn, , . scale.",
  joint: "Drag it, or use the arrows (Shift: 10 px). Tab: next joint. H hides it, Shift+H hides the limb. Esc: whole figure.",
}

function beginPose() {
  let data = null
  let figures = []
  let chosen = { figure: -1, joint: -1 }
  let moving = null
  let under = { figure: -1, joint: -1 }
  let revision = 0
  let src = null
  let dim = 0
  let follow = false
  let steps = history()
  let nudged = 0
  const post = messenger()

  const board = makeBoard({
    name: "Pose editor",
    hands: { draw, down, move, up, cancel, hover, key, leave: () => post.flush(), undo: () => travel("back"), redo: () => travel("forth") },
  })
  const size = () => pixelsOf(board)
  const figure = () => figures[chosen.figure]
  const snapshot = () => ({ figures: copies(figures), chosen: { ...chosen } })

  // --- steps ---
  function commit(before, { again = false, pause = PAUSE } = {}) {
    const last = again && Date.now() - nudged < 700 ? steps.last() : null
    if (last) last.after = snapshot()
    else steps.push({ before, after: snapshot() })
    nudged = again ? Date.now() : 0
    tell(pause)
  }
  function tell(pause) {
    post.later("figures", { figures: plain(figures) }, pause)
    refresh()
  }
  function change(work, options) {
    const before = snapshot()
    work()
    commit(before, options)
  }
  function travel(way) {
    const step = steps[way]()
    if (!step) return
    const to = way === "back" ? step.before : step.after
    figures = copies(to.figures)
    chosen = { ...to.chosen }
    nudged = 0
    tell(PAUSE)
  }

  // --- what can be done ---
  function add(name) {
    const free = [0, 0.18, -0.18, 0.34, -0.34].find((shift) => {
      const new_ = placed(data.presets[name], ...size(), shift)[1]
      return figures.every((other) => Math.hypot(other[1].x - new_.x, other[1].y - new_.y) > 0.08)
    })
    change(() => {
      figures.push(placed(data.presets[name], ...size(), free || 0))
      chosen = { figure: figures.length - 1, joint: -1 }
    })
    board.stage.focus({ preventScroll: true })
  }
  const act = {
    duplicate: () =>
      change(() => {
        const copy = figure().map((joint) => ({ ...joint, x: near(joint.x + 0.08), y: joint.y }))
        figures.push(copy)
        chosen = { figure: figures.length - 1, joint: -1 }
      }),
    mirror: () => change(() => (figures[chosen.figure] = mirrored(figure(), ...size()))),
    remove: () =>
      change(() => {
        figures.splice(chosen.figure, 1)
        chosen = { figure: Math.min(chosen.figure, figures.length - 1), joint: -1 }
      }),
    hide: () => change(() => (figure()[chosen.joint].on = !figure()[chosen.joint].on)),
    limb: () =>
      change(() => {
        const on = !figure()[chosen.joint].on
        for (const joint of beyond(chosen.joint, data.limbs)) figure()[joint].on = on
      }),
    all: () => change(() => figure().forEach((joint) => (joint.on = true))),
    turn: (degrees) => change(() => (figures[chosen.figure] = turned(figure(), degrees, middleOf(figure(), board), ...size())), { again: true }),
    scale: (factor) => change(() => (figures[chosen.figure] = scaled(figure(), factor, middleOf(figure(), board), ...size())), { again: true }),
    nudge: (dx, dy) =>
      change(() => shift(figure(), along(), dx / board.width, dy / board.height), { again: true }),
  }
  // What moves with the chosen joint; all of the figure where none is chosen.
  function along() {
    if (chosen.joint < 0) return figure().map((_, i) => i)
    return follow ? beyond(chosen.joint, data.limbs) : [chosen.joint]
  }

  // --- pointer ---
  function hit(x, y, event) {
    return graspAt(x, y, event, { board, figures, chosen, limbs: data.limbs })
  }
  function down(x, y, event) {
    menu.show(false)
    if (event.button !== 0) return false
    const found = hit(x, y, event)
    const before = snapshot()
    chosen = found ? { figure: found.figure, joint: found.joint } : { figure: -1, joint: -1 }
    refresh()
    if (!found) return false
    moving = { before, start: [x, y], from: copies([figure()])[0], handle: found.handle ?? -1, begun: false, centre: middleOf(figure(), board) }
    if (moving.handle >= 0) moving.frame = handlesOf(figure(), board)
    return true
  }
  function move(x, y, event) {
    const { start } = moving
    if (!moving.begun && Math.hypot(x - start[0], y - start[1]) < 3) return
    moving.begun = true
    figures[chosen.figure] = dragged(moving, x, y, { strict: event.shiftKey, which: along(), board })
    describe()
    board.repaint()
  }
  function up() {
    const { before, begun } = moving
    moving = null
    if (begun) commit({ ...before, chosen: { ...chosen } }, { pause: 0 })
  }
  function cancel() {
    if (moving) figures[chosen.figure] = moving.from
    moving = null
    refresh()
  }
  function hover(x, y, event) {
    const found = x === null ? null : hit(x, y, event)
    const now = { figure: found ? found.figure : -1, joint: found ? found.joint : -1 }
    const cursors = ["nwse-resize", "nesw-resize", "nwse-resize", "nesw-resize", "grab"]
    board.stage.style.cursor = found ? (found.handle >= 0 ? cursors[found.handle] : found.joint >= 0 ? "pointer" : "move") : ""
    if (now.figure === under.figure && now.joint === under.joint) return
    under = now
    board.repaint()
  }

  // --- keys ---
  function key(event, letter, ctrl) {
    if (event.key === "Escape") {
      if (menu.open()) menu.show(false, true)
      else if (moving) cancel()
      else if (chosen.joint >= 0) choose(chosen.figure, -1)
      else if (figure()) choose(-1, -1)
      else return false
      return true
    }
    if (ctrl || event.altKey) return false
    if (event.key === "Tab" && event.target === board.stage) return tab(event.shiftKey ? -1 : 1)
    if (letter === "a") return menu.show(true), true
    if (letter === "f") return toggleFollow(), true
    if (!figure()) return false
    const far = event.shiftKey ? 10 : 1
    const ways = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }
    if (ways[event.key]) act.nudge(...ways[event.key])
    else if (event.key === "Delete" || event.key === "Backspace") chosen.joint >= 0 && figure()[chosen.joint].on ? act.hide() : chosen.joint < 0 && act.remove()
    else if (letter === "h" && chosen.joint >= 0) event.shiftKey ? act.limb() : act.hide()
    else if (letter === "m") act.mirror()
    else if (letter === "d") act.duplicate()
    else if (event.key === "[" || event.key === "]") act.turn(event.key === "[" ? -5 : 5)
    else if (event.key === "," || event.key === ".") act.scale(event.key === "," ? 1 / 1.05 : 1.05)
    else return false
    return true
  }
  // Through the joints of every figure, and out of the editor after the last; after Esc it leaves at once.
  function tab(way) {
    if (!figures.length || (left && chosen.figure < 0)) return (left = false)
    const flat = chosen.figure < 0 ? (way > 0 ? -1 : figures.length * 18) : chosen.figure * 18 + (chosen.joint < 0 ? (way > 0 ? -1 : 0) : chosen.joint)
    const next = flat + way
    if (next < 0 || next >= figures.length * 18) return choose(-1, -1), (left = false)
    choose(Math.floor(next / 18), next % 18)
    return true
  }
  let left = false
  function choose(one, joint) {
    left = one < 0
    chosen = { figure: one, joint }
    refresh()
  }
  board.stage.addEventListener("focus", () => (left = false))

  // --- tools ---
  const first = board.group("Figure")
  const adder = tool(board, { icon: "person_add", label: "Add a figure", keys: "A", word: "Add figure", group: first, press: () => menu.show(!menu.open()) })
  const buttons = {
    duplicate: tool(board, { icon: "content_copy", label: "Duplicate the figure", keys: "D", group: first, press: act.duplicate }),
    mirror: tool(board, { icon: "flip", label: "Mirror the figure", keys: "M", group: first, press: act.mirror }),
    remove: tool(board, { icon: "delete", label: "Delete the figure", keys: "Delete", group: first, press: act.remove }),
  }
  const second = board.group("Joint")
  buttons.hide = tool(board, { icon: "visibility_off", label: "Hide or show the joint", keys: "H", group: second, press: act.hide })
  buttons.limb = tool(board, { icon: "accessibility_new", label: "Hide or show the limb from this joint on", keys: "Shift+H", group: second, press: act.limb })
  buttons.all = tool(board, { icon: "visibility", label: "Show all joints of the figure", group: second, press: act.all })
  const follower = tool(board, { icon: "link", label: "The limb follows the joint that is moved", keys: "F", group: second, press: toggleFollow })
  const third = board.group("Steps")
  buttons.undo = tool(board, { icon: "undo", label: "Undo", keys: "Ctrl+Z", group: third, press: () => travel("back") })
  buttons.redo = tool(board, { icon: "redo", label: "Redo", keys: "Ctrl+Shift+Z", group: third, press: () => travel("forth") })
  const dimmer = slider(board, {
    label: "Dim picture", min: 0, max: 90, step: 5, value: 0, group: board.group("Picture"),
    change: (value) => {
      dim = value / 100
      board.repaint()
    },
  })
  press(follower, false)
  board.ready()
  function toggleFollow() {
    follow = !follow
    press(follower, follow)
  }

  const menu = poseMenu(board, adder, add)
  const invite = make("div", "invite")
  invite.append(make("p", "", "No figure yet"))
  tool(board, { icon: "person_add", label: "Add a standing figure", word: "Add a standing figure", group: invite, press: () => add(Object.keys(data.presets)[0]) })
  board.frame.append(invite)

  // --- what is seen ---
  function describe() {
    board.say(poseWords(figures, chosen, data.joints))
  }
  function refresh() {
    const one = figure()
    const joint = one && chosen.joint >= 0
    for (const name of ["duplicate", "mirror", "remove"]) enable(buttons[name], Boolean(one))
    enable(buttons.duplicate, Boolean(one) && figures.length < data.most)
    enable(adder, figures.length < data.most)
    for (const name of ["hide", "limb"]) enable(buttons[name], Boolean(joint))
    enable(buttons.all, Boolean(one) && one.some((each) => !each.on))
    enable(buttons.undo, steps.past())
    enable(buttons.redo, steps.future())
    invite.hidden = figures.length > 0
    board.hint(HINTS[joint ? "joint" : one ? "figure" : figures.length ? "calm" : "none"])
    describe()
    board.repaint()
  }
  function draw(pen) {
    drawPose(pen, { board, figures, chosen, under, dim, data })
  }

  function take(now) {
    const news = !data || now.revision !== revision || now.src !== src
    const known = Boolean(data)
    data = now
    board.resize(data.width, data.height)
    board.show(data.src, data.alt)
    board.sheet.classList.toggle("empty", !data.src)
    dimmer.parentElement.hidden = !data.src
    menu.offer(data)
    if (news) {
      post.drop()
      if (moving) cancel()
      const before = snapshot()
      const rest = Object.values(data.presets)[0]
      figures = data.figures.map((points) => revive(points, rest, ...size()))
      chosen = { figure: -1, joint: -1 }
      if (known && now.src === src) steps.push({ before, after: snapshot() })
      else steps = history()
      revision = data.revision
      src = data.src
    }
    refresh()
  }
  return { board, post, take }
}

export default function ({ data, parentElement, setStateValue }) {
  return instance(data, parentElement, setStateValue, beginPose)
}
