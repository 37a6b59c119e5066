// What of the figures can be grasped and where it lies on the stage: joints, limbs, the frame around a figure and its handles.
// A drag is { from, start, handle, centre, frame }: the figure and the pointer as they were. Nothing is changed here.
const ROOM = 18 // px between a figure and its frame
const TURN = 4 // the handle above the frame; the others are its corners

const pixelsOf = (board) => [board.width, board.height]
const placeOf = (joint, board) => board.out(joint.x * board.width, joint.y * board.height)

function middleOf(figure, board) {
  const [left, top, right, bottom] = bounds(figure, ...pixelsOf(board))
  return [(left + right) / 2, (top + bottom) / 2]
}

function frameOf(figure, board) {
  const [left, top, right, bottom] = bounds(figure, ...pixelsOf(board))
  const [x0, y0] = board.out(left, top)
  const [x1, y1] = board.out(right, bottom)
  return [x0 - ROOM, y0 - ROOM, x1 + ROOM, y1 + ROOM]
}

function handlesOf(figure, board) {
  const [x0, y0, x1, y1] = frameOf(figure, board)
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [(x0 + x1) / 2, y0 - 22]]
}

// What lies under a point, nearest joint first: { figure, joint, handle }, joint -1 for the whole figure; null for nothing.
function graspAt(x, y, event, { board, figures, chosen, limbs }) {
  const reach = event && event.pointerType === "touch" ? TOUCH : 1
  const figure = figures[chosen.figure]
  let best = null
  figures.forEach((one, i) =>
    one.forEach((joint, j) => {
      const far = Math.hypot(...placeOf(joint, board).map((value, k) => value - [x, y][k])) - (i === chosen.figure ? 4 : 0)
      if (far < 12 * reach && (!best || far < best.far)) best = { far, figure: i, joint: j }
    }),
  )
  if (best) return best
  if (figure) {
    const corner = handlesOf(figure, board).findIndex(([hx, hy]) => Math.hypot(hx - x, hy - y) < 13 * reach)
    if (corner >= 0) return { figure: chosen.figure, joint: -1, handle: corner }
  }
  const order = figures.map((_, i) => i).sort((a, b) => (b === chosen.figure) - (a === chosen.figure))
  for (const i of order)
    for (const [a, b] of limbs) {
      const [one, two] = [figures[i][a], figures[i][b]]
      if (off([x, y], placeOf(one, board), placeOf(two, board)) < 8 * reach) return { figure: i, joint: -1 }
    }
  if (!figure) return null
  const [x0, y0, x1, y1] = frameOf(figure, board)
  return x > x0 && x < x1 && y > y0 && y < y1 ? { figure: chosen.figure, joint: -1 } : null
}

// What a drag to (x, y) makes of a figure; `strict` is Shift: turns of 15 degrees, tenths of its size, one direction.
function dragged(drag, x, y, { strict, which, board }) {
  if (drag.handle === TURN) return swung(drag, x, y, strict, board)
  if (drag.handle >= 0) return stretched(drag, x, y, strict, board)
  let [dx, dy] = [(x - drag.start[0]) / board.scale, (y - drag.start[1]) / board.scale]
  if (strict) Math.abs(dx) > Math.abs(dy) ? (dy = 0) : (dx = 0)
  const fresh = copies([drag.from])[0]
  shift(fresh, which, dx / board.width, dy / board.height)
  return fresh
}

function swung({ from, start, centre }, x, y, strict, board) {
  const [cx, cy] = board.out(...centre)
  const angle = (px, py) => (Math.atan2(py - cy, px - cx) * 180) / Math.PI
  const degrees = angle(x, y) - angle(...start)
  return turned(from, strict ? Math.round(degrees / 15) * 15 : degrees, centre, ...pixelsOf(board))
}

function stretched({ from, handle, frame }, x, y, strict, board) {
  const [ax, ay] = frame[(handle + 2) % 4] // the corner across stays where it is
  const [hx, hy] = frame[handle]
  const along = ((x - ax) * (hx - ax) + (y - ay) * (hy - ay)) / ((hx - ax) ** 2 + (hy - ay) ** 2)
  const factor = Math.max(0.05, strict ? Math.max(1, Math.round(along * 10)) / 10 : along)
  return scaled(from, factor, board.in(ax, ay), ...pixelsOf(board))
}
