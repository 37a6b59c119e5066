// How the pose editor looks: the figures over the dimmed picture, rings about joints, the frame with its handles, and the line
// of words below. It changes nothing.
function drawPose(pen, { board, figures, chosen, under, dim, data }) {
  const figure = figures[chosen.figure]
  const [x0, y0] = board.out(0, 0)
  if (dim) {
    pen.globalAlpha = dim
    pen.fillStyle = "#000"
    pen.fillRect(x0, y0, board.width * board.scale, board.height * board.scale)
    pen.globalAlpha = 1
  }
  const thick = Math.min(7, Math.max(3, (board.scale * Math.max(board.width, board.height)) / 110))
  const at = (x, y) => placeOf({ x, y }, board)
  figures.forEach((one, i) => {
    const faint = chosen.figure < 0 || i === chosen.figure ? 1 : 0.6
    drawFigure(pen, one, { ...data, at, thick, dot: thick * 0.5 + 2.5, faint })
  })
  if (under.joint >= 0 && figures[under.figure]) ring(pen, placeOf(figures[under.figure][under.joint], board), 8)
  if (!figure) return
  if (chosen.joint >= 0) ring(pen, placeOf(figure[chosen.joint], board), 10)
  drawFrame(pen, figure, board)
}

function ring(pen, place, radius) {
  pen.beginPath()
  pen.arc(...place, radius, 0, 7)
  for (const [width, colour] of [[5, "#000"], [2.5, "#fff"]]) {
    pen.lineWidth = width
    pen.strokeStyle = colour
    pen.stroke()
  }
}

function drawFrame(pen, figure, board) {
  const [x0, y0, x1, y1] = frameOf(figure, board)
  pen.setLineDash([5, 4])
  pen.lineWidth = 1.5
  pen.strokeStyle = board.colour("--accent")
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0)
  pen.setLineDash([])
  handlesOf(figure, board).forEach(([x, y], i) => {
    pen.beginPath()
    if (i === TURN) pen.arc(x, y, 6.5, 0, 7)
    else pen.rect(x - 5, y - 5, 10, 10)
    pen.fillStyle = board.colour("--paper")
    pen.fill()
    pen.lineWidth = 2
    pen.stroke()
  })
}

// What is chosen, in words; a screen reader says them.
function poseWords(figures, chosen, names) {
  const percent = (value) => `${Math.round(value * 100)} %`
  const figure = figures[chosen.figure]
  if (figure && chosen.joint >= 0) {
    const joint = figure[chosen.joint]
    const name = names[chosen.joint]
    const words = `${name[0].toUpperCase()}${name.slice(1)}${figures.length > 1 ? ` of figure ${chosen.figure + 1}` : ""}`
    return joint.on ? `${words}, x ${percent(joint.x)}, y ${percent(joint.y)}` : `${words}, hidden`
  }
  if (figure) {
    const hidden = figure.filter((joint) => !joint.on).length
    return `Figure ${chosen.figure + 1} of ${figures.length}${hidden ? `, ${hidden} joints hidden` : ""}`
  }
  return figures.length ? `${figures.length} ${figures.length === 1 ? "figure" : "figures"}` : "No figure"
}
