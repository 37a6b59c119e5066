// Figures as the pose editor holds them: eighteen joints, each with a place and shown or hidden. Places are fractions of the
// picture; lengths are measured in its pixels, so that a turn stays a turn in a picture that is not square.
const PAIRS = [[2, 5], [3, 6], [4, 7], [8, 11], [9, 12], [10, 13], [14, 15], [16, 17]]
const FAR = 3 // pictures away from the middle; further out nothing can be found again

const copies = (figures) => figures.map((figure) => figure.map((joint) => ({ ...joint })))
const near = (value) => Math.min(FAR, Math.max(-FAR, value))

// What Python gets: a pair for each joint, null for the hidden ones.
function plain(figures) {
  const round = (value) => Math.round(near(value) * 1e5) / 1e5
  return figures.map((figure) => figure.map((joint) => (joint.on ? [round(joint.x), round(joint.y)] : null)))
}

// A hidden joint gets the place it would have in `rest`, brought to the size and place of the joints that are there.
function revive(points, rest, width, height) {
  const side = Math.min(width, height)
  const known = points.map((point, i) => (point ? i : -1)).filter((i) => i >= 0)
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / (list.length || 1)
  const there = known.map((i) => [points[i][0] * width, points[i][1] * height])
  const ours = known.map((i) => [rest[i][0] * side, rest[i][1] * side])
  const [cx, cy] = known.length ? [mean(there.map((p) => p[0])), mean(there.map((p) => p[1]))] : [width / 2, height / 2]
  const [rx, ry] = known.length ? [mean(ours.map((p) => p[0])), mean(ours.map((p) => p[1]))] : [side / 2, side / 2]
  const spread = (list, x, y) => Math.sqrt(mean(list.map((p) => (p[0] - x) ** 2 + (p[1] - y) ** 2)))
  const size = known.length > 1 ? spread(there, cx, cy) / (spread(ours, rx, ry) || 1) : 1
  return points.map((point, i) =>
    point
      ? { x: point[0], y: point[1], on: true }
      : { x: (cx + (rest[i][0] * side - rx) * size) / width, y: (cy + (rest[i][1] * side - ry) * size) / height, on: false },
  )
}

// A preset is drawn in a square; here it keeps its proportions in the middle of any picture.
function placed(preset, width, height, shift) {
  const side = Math.min(width, height)
  return preset.map((point) => ({
    x: 0.5 + shift + ((point[0] - 0.5) * side) / width,
    y: 0.5 + ((point[1] - 0.5) * side) / height,
    on: true,
  }))
}

function bounds(figure, width, height) {
  const shown = figure.filter((joint) => joint.on)
  const list = shown.length ? shown : figure
  const [xs, ys] = [list.map((joint) => joint.x * width), list.map((joint) => joint.y * height)]
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
}

// The mirror image of a person: what was the right hand is the left one, so that a face still looks at us.
function mirrored(figure, width, height) {
  const [left, , right] = bounds(figure, width, height)
  const turned = figure.map((joint) => ({ ...joint, x: (left + right) / width - joint.x }))
  for (const [a, b] of PAIRS) [turned[a], turned[b]] = [turned[b], turned[a]]
  return turned
}

// Moves some joints of a figure, where it stands, by fractions of the picture.
function shift(figure, which, dx, dy) {
  for (const i of which) Object.assign(figure[i], { x: near(figure[i].x + dx), y: near(figure[i].y + dy) })
}

function turned(figure, degrees, [cx, cy], width, height) {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  return figure.map((joint) => {
    const [dx, dy] = [joint.x * width - cx, joint.y * height - cy]
    return { ...joint, x: near((cx + dx * cos - dy * sin) / width), y: near((cy + dx * sin + dy * cos) / height) }
  })
}

function scaled(figure, factor, [cx, cy], width, height) {
  return figure.map((joint) => ({
    ...joint,
    x: near((cx + (joint.x * width - cx) * factor) / width),
    y: near((cy + (joint.y * height - cy) * factor) / height),
  }))
}

// The joint and everything that hangs on it, seen from the neck.
function beyond(joint, limbs) {
  const found = [joint]
  for (let i = 0; i < found.length; i += 1) for (const [from, to] of limbs) if (from === found[i]) found.push(to)
  return found
}

function off(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]]
  const t = Math.min(1, Math.max(0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)))
  return Math.hypot(point[0] - a[0] - t * dx, point[1] - a[1] - t * dy)
}

function drawFigure(pen, figure, { limbs, colours, at, thick, dot, faint = 1, hollow = true }) {
  const points = figure.map((joint) => at(joint.x, joint.y))
  pen.lineCap = "round"
  limbs.forEach(([a, b], i) => {
    const whole = figure[a].on && figure[b].on
    if (!whole && !hollow) return
    pen.beginPath()
    pen.moveTo(...points[a])
    pen.lineTo(...points[b])
    pen.setLineDash(whole ? [] : [2, 6])
    pen.globalAlpha = (whole ? 0.35 : 0.5) * faint
    pen.strokeStyle = "#000"
    pen.lineWidth = whole ? thick + 2.5 : 2.5
    pen.stroke()
    pen.globalAlpha = (whole ? 0.9 : 0.8) * faint
    pen.strokeStyle = colours[i]
    pen.lineWidth = whole ? thick : 1.5
    pen.stroke()
  })
  pen.setLineDash([])
  figure.forEach((joint, i) => {
    if (!joint.on && !hollow) return
    pen.beginPath()
    pen.arc(...points[i], joint.on ? dot : dot - 1, 0, 7)
    pen.globalAlpha = faint
    if (joint.on) {
      pen.fillStyle = colours[i]
      pen.fill()
    }
    pen.lineWidth = joint.on ? 1.5 : 3.5
    pen.strokeStyle = "rgb(0 0 0 / .7)"
    pen.stroke()
    if (!joint.on) {
      pen.lineWidth = 1.5
      pen.strokeStyle = colours[i]
      pen.stroke()
    }
  })
  pen.globalAlpha = 1
}
