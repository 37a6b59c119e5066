// Strokes of the mask editor on its canvas: how they begin, grow and end, and how they and the cursor are shown. A stroke is
// { mode, away, points, box }: places in the mask's pixels; `away` takes away what is painted.
const ROUND = ["brush", "eraser"] // tools that paint at once, as wide as their size

function ink(pen, size, erase) {
  pen.globalCompositeOperation = erase ? "destination-out" : "source-over"
  pen.fillStyle = pen.strokeStyle = INK
  Object.assign(pen, { lineWidth: size, lineCap: "round", lineJoin: "round" })
}

function beginStroke(pen, { mode, away, size, x, y }) {
  const stroke = { mode, away, points: [[x, y]], box: [x, y, x, y] }
  if (ROUND.includes(mode)) dab(pen, stroke, size, x, y)
  return stroke
}

function dab(pen, stroke, size, x, y) {
  ink(pen, size, stroke.mode === "eraser" || stroke.away)
  const [px, py] = stroke.points[stroke.points.length - 1]
  pen.beginPath()
  pen.moveTo(px, py)
  pen.lineTo(x + (px === x && py === y ? 0.001 : 0), y)
  pen.stroke()
}

function extendStroke(pen, stroke, size, x, y) {
  if (ROUND.includes(stroke.mode)) dab(pen, stroke, size, x, y)
  if (stroke.mode === "rectangle") stroke.points[1] = [x, y]
  else stroke.points.push([x, y])
  const [x0, y0, x1, y1] = stroke.box
  stroke.box = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)]
}

// Fills what a rectangle or a lasso encloses; returns the area in which the canvas can have changed.
function endStroke(pen, { mode, points, away, box }, size) {
  let [x0, y0, x1, y1] = box
  if (mode === "rectangle" || mode === "lasso") {
    ink(pen, size, away)
    pen.beginPath()
    if (mode === "lasso") for (const point of points) pen.lineTo(...point)
    else {
      const [[ax, ay], [bx, by]] = [points[0], points[1] || points[0]]
      ;[x0, y0, x1, y1] = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(Math.round)
      pen.rect(x0, y0, x1 - x0, y1 - y0)
    }
    pen.fill()
  }
  const rim = size / 2 + 2
  return { x: x0 - rim, y: y0 - rim, w: x1 - x0 + 2 * rim, h: y1 - y0 + 2 * rim }
}

// A line that shows on light and on dark.
function trace(over, path, dash = []) {
  for (const [width, colour] of [[3.5, "rgb(0 0 0 / .75)"], [1.5, "#fff"]]) {
    over.beginPath()
    path()
    over.setLineDash(width < 2 ? dash : [])
    over.lineWidth = width
    over.strokeStyle = colour
    over.stroke()
  }
}

// The outline of what a lasso or a rectangle will enclose; `outside` turns the mask's pixels into the stage's.
function drawOutline(over, stroke, outside) {
  if (stroke.mode === "lasso") trace(over, () => stroke.points.forEach((point) => over.lineTo(...outside(...point))), [6, 4])
  if (stroke.mode === "rectangle" && stroke.points[1]) {
    const [[x0, y0], [x1, y1]] = stroke.points.map((point) => outside(...point))
    trace(over, () => over.rect(x0, y0, x1 - x0, y1 - y0), [6, 4])
  }
}

// The ring of a round tool, and a cross where the keyboard is or where the ring is large.
function drawCursor(over, spot, { mode, radius, keyboard }) {
  const round = ROUND.includes(mode)
  if (round) trace(over, () => over.arc(...spot, radius, 0, 7), mode === "eraser" ? [4, 4] : [])
  if (!keyboard && !(round && radius > 9)) return
  const arm = keyboard ? 9 : 4
  trace(over, () => {
    over.moveTo(spot[0] - arm, spot[1]), over.lineTo(spot[0] + arm, spot[1])
    over.moveTo(spot[0], spot[1] - arm), over.lineTo(spot[0], spot[1] + arm)
  })
}
