// Many points on a plane: read from the studio's bytes, found again by a grid, and painted as dots. It hears no pointer.
const CELLS = 128 // a side of the grid
const PLACES = 65535

// The bytes of /map/points: a count, ids (uint32), then x, y and groups (uint16).
function pointsOf(bytes) {
  const count = new DataView(bytes).getUint32(0, true)
  const ids = new Uint32Array(bytes, 4, count)
  const [x, y, group] = [0, 1, 2].map((part) => new Uint16Array(bytes, 4 + count * (4 + 2 * part), count))
  const starts = new Uint32Array(CELLS * CELLS + 1)
  const cellOf = (i) => Math.min(CELLS - 1, (y[i] * CELLS) >> 16) * CELLS + Math.min(CELLS - 1, (x[i] * CELLS) >> 16)
  for (let i = 0; i < count; i += 1) starts[cellOf(i) + 1] += 1
  for (let cell = 0; cell < CELLS * CELLS; cell += 1) starts[cell + 1] += starts[cell]
  const next = starts.slice()
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i += 1) order[next[cellOf(i)]++] = i
  return { count, ids, x, y, group, starts, order }
}

// The points of the grid's cells that touch the rectangle (left, top, right, bottom), 0 to 1.
function within(points, [left, top, right, bottom]) {
  const cell = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)))
  const [x0, y0, x1, y1] = [cell(left), cell(top), cell(right), cell(bottom)]
  if (x0 === 0 && y0 === 0 && x1 === CELLS - 1 && y1 === CELLS - 1) return points.order
  const rows = []
  let count = 0
  for (let row = y0; row <= y1; row += 1) {
    const part = points.order.subarray(points.starts[row * CELLS + x0], points.starts[row * CELLS + x1 + 1])
    rows.push(part)
    count += part.length
  }
  const found = new Uint32Array(count)
  let at = 0
  for (const part of rows) found.set(part, at), (at += part.length)
  return found
}

const has = (mask, i) => mask !== null && (mask[i >> 3] & (1 << (i & 7))) !== 0

// A bit for each point, as base64; null for an empty text.
function maskOf(text) {
  if (!text) return null
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
}

// The pixels of a round dot: offsets in the picture and how much of each is covered, 0 to 256.
function stampOf(radius, width, weight) {
  const reach = Math.ceil(radius)
  const stamp = []
  for (let dy = -reach; dy <= reach; dy += 1)
    for (let dx = -reach; dx <= reach; dx += 1) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)))
      if (cover > 0.04) stamp.push(dy * width + dx, Math.round(cover * 256 * weight))
    }
  return { stamp: Int32Array.from(stamp), reach }
}

const packed = ([r, g, b]) => (b << 16) | (g << 8) | r

// Paints dots into `image`. Where many lie on one another it grows denser; `layers` are painted in their order, each
// { rows, radius, weight (0 to 1), colours by group }. `at` gives the place of a point in pixels.
function paintDots(image, layers, points, at) {
  const { width, height } = image
  const pixels = new Uint32Array(image.data.buffer)
  pixels.fill(0)
  for (const { rows, radius, weight, colours } of layers) {
    const { stamp, reach } = stampOf(radius, width, weight)
    const { x: xs, y: ys, group } = points
    for (let row = 0; row < rows.length; row += 1) {
      const i = rows[row]
      const px = (at.x + xs[i] * at.across + 0.5) | 0
      const py = (at.y + ys[i] * at.down + 0.5) | 0
      if (px < reach || py < reach || px >= width - reach || py >= height - reach) continue
      const rgb = colours[group[i]]
      const start = py * width + px
      for (let k = 0; k < stamp.length; k += 2) {
        const place = start + stamp[k]
        const alpha = pixels[place] >>> 24
        pixels[place] = ((alpha + (((255 - alpha) * stamp[k + 1]) >> 8)) << 24) | rgb
      }
    }
  }
}

// Whether (x, y) lies inside a closed line of [x, y] points, by how often a ray crosses it.
function inside(line, x, y) {
  let within = false
  for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
    const [xi, yi] = line[i]
    const [xj, yj] = line[j]
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within
  }
  return within
}
