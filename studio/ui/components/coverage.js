// What a mask is made of: one byte for each pixel, 255 where it is painted. Plain arrays in, plain arrays out.

// The accent's ink in both themes: the picture below does not change with the theme either.
const INK = "#3d4df0"
const AT_ONCE = 2 ** 20 // pixels
const TINT = 0xf04d3d // the same as little-endian blue, green, red

// The box around everything that `wanted(i)` says yes to, within `area`; null where there is nothing.
function boxOf(wanted, width, area) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1]
  for (let y = area.y; y < area.y + area.h; y += 1)
    for (let x = area.x, i = y * width + area.x; x < area.x + area.w; x += 1, i += 1)
      if (wanted(i)) {
        if (x < left) left = x
        if (x > right) right = x
        if (y < top) top = y
        bottom = y
      }
  return right < 0 ? null : { x: left, y: top, w: right - left + 1, h: bottom - top + 1 }
}

// An area that may reach over the edge, brought inside; null where nothing of it is inside.
function clipped(area, width, height) {
  const x = Math.max(0, Math.floor(area.x))
  const y = Math.max(0, Math.floor(area.y))
  const w = Math.min(width, Math.ceil(area.x + area.w)) - x
  const h = Math.min(height, Math.ceil(area.y + area.h)) - y
  return w > 0 && h > 0 ? { x, y, w, h } : null
}

// A box as runs of equal bytes: most masks are flat, so that hundreds of steps fit into a few megabytes.
function packed(bytes, width, box) {
  const runs = []
  let value = -1
  let count = 0
  for (let y = box.y; y < box.y + box.h; y += 1)
    for (let i = y * width + box.x, end = i + box.w; i < end; i += 1) {
      if (bytes[i] === value && count < 0xffffff) {
        count += 1
        continue
      }
      if (count) runs.push(count * 256 + value)
      value = bytes[i]
      count = 1
    }
  runs.push(count * 256 + value)
  return Uint32Array.from(runs)
}

function unpack(runs, bytes, width, box) {
  let [run, left] = [0, runs[0] >>> 8]
  for (let y = box.y; y < box.y + box.h; y += 1)
    for (let i = y * width + box.x, end = i + box.w; i < end; i += 1) {
      if (!left) left = runs[(run += 1)] >>> 8
      bytes[i] = runs[run] & 255
      left -= 1
    }
}

// Grown (or shrunk) by `radius` pixels. Squares and crosses by turns make an octagon, which is near enough to a disc.
function grown(bytes, width, height, radius, shrink = false) {
  const found = boxOf((i) => bytes[i] > 0, width, { x: 0, y: 0, w: width, h: height })
  if (!found) return bytes
  const area = clipped({ x: found.x - radius, y: found.y - radius, w: found.w + 2 * radius, h: found.h + 2 * radius }, width, height)
  const flip = shrink ? 255 : 0 // to shrink what is painted is to grow what is not
  let from = bytes.map((value) => value ^ flip)
  let to = from.slice()
  for (let round = 0; round < radius; round += 1) {
    const square = round % 2
    for (let y = area.y; y < area.y + area.h; y += 1) {
      const up = y > 0 ? -width : 0
      const down = y < height - 1 ? width : 0
      for (let x = area.x, i = y * width + area.x; x < area.x + area.w; x += 1, i += 1) {
        const left = x > 0 ? -1 : 0
        const right = x < width - 1 ? 1 : 0
        let most = from[i]
        if (from[i + left] > most) most = from[i + left]
        if (from[i + right] > most) most = from[i + right]
        if (from[i + up] > most) most = from[i + up]
        if (from[i + down] > most) most = from[i + down]
        if (square) {
          if (from[i + up + left] > most) most = from[i + up + left]
          if (from[i + up + right] > most) most = from[i + up + right]
          if (from[i + down + left] > most) most = from[i + down + left]
          if (from[i + down + right] > most) most = from[i + down + right]
        }
        to[i] = most
      }
    }
    ;[from, to] = [to, from]
  }
  return from.map((value) => value ^ flip)
}

// A soft edge: three box blurs come close to a Gaussian of that radius. Only where there is an edge, row by row.
function softened(bytes, width, height, radius) {
  const reach = Math.max(1, Math.round(radius / 2))
  const found = boxOf((i) => bytes[i] > 0, width, { x: 0, y: 0, w: width, h: height })
  if (!found) return bytes
  const rim = 3 * reach + 1
  const { x, y, w, h } = clipped({ x: found.x - rim, y: found.y - rim, w: found.w + 2 * rim, h: found.h + 2 * rim }, width, height)
  let from = new Float32Array(w * h)
  let to = new Float32Array(w * h)
  for (let row = 0; row < h; row += 1) from.set(bytes.subarray((y + row) * width + x, (y + row) * width + x + w), row * w)
  const size = 2 * reach + 1
  const sums = new Float64Array(w)
  for (let time = 0; time < 3; time += 1) {
    for (let row = 0; row < h; row += 1) {
      const [base, last] = [row * w, row * w + w - 1]
      let sum = from[base] * (reach + 1)
      for (let k = 1; k <= reach; k += 1) sum += from[Math.min(base + k, last)]
      for (let k = 0; k < w; k += 1) {
        to[base + k] = sum / size
        sum += from[Math.min(base + k + reach + 1, last)] - from[Math.max(base + k - reach, base)]
      }
    }
    const line = (row) => Math.min(h - 1, Math.max(0, row)) * w
    sums.fill(0)
    for (let row = -reach; row <= reach; row += 1) for (let k = 0, i = line(row); k < w; k += 1, i += 1) sums[k] += to[i]
    for (let row = 0; row < h; row += 1) {
      const [base, enters, leaves] = [row * w, line(row + reach + 1), line(row - reach)]
      for (let k = 0; k < w; k += 1) {
        from[base + k] = sums[k] / size
        sums[k] += to[enters + k] - to[leaves + k]
      }
    }
  }
  const result = bytes.slice()
  for (let row = 0; row < h; row += 1) for (let k = 0; k < w; k += 1) result[(y + row) * width + x + k] = Math.round(from[row * w + k])
  return result
}

// The area around a point that nothing painted divides, filled; where the point is painted, that area is emptied instead.
function filled(bytes, width, height, x, y) {
  const painted = bytes[y * width + x] >= 128
  const result = bytes.slice()
  const seen = new Uint8Array(bytes.length)
  const same = (i) => !seen[i] && bytes[i] >= 128 === painted
  const todo = [y * width + x]
  const edge = (i) => {
    if (!seen[i] && bytes[i] > 0 && bytes[i] < 255) result[i] = painted ? 0 : 255 // the half-covered rim belongs to the area
  }
  while (todo.length) {
    const start = todo.pop()
    if (!same(start)) continue
    const row = Math.floor(start / width) * width
    let [left, right] = [start, start]
    while (left > row && same(left - 1)) left -= 1
    while (right < row + width - 1 && same(right + 1)) right += 1
    if (left > row) edge(left - 1)
    if (right < row + width - 1) edge(right + 1)
    for (let i = left; i <= right; i += 1) {
      seen[i] = 1
      result[i] = painted ? 0 : 255
      for (const next of [i - width, i + width]) {
        if (next < 0 || next >= bytes.length) continue
        if (same(next)) todo.push(next)
        else edge(next)
      }
    }
  }
  return result
}

function shareOf(bytes) {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 1) sum += bytes[i]
  return sum / (255 * bytes.length)
}

// --- to the screen and to files ---

// What the canvas shows of an area: ink, as dense as the mask is there.
function tinted(bytes, width, area) {
  const image = new ImageData(area.w, area.h)
  const pixels = new Uint32Array(image.data.buffer)
  for (let y = 0, k = 0; y < area.h; y += 1)
    for (let i = (area.y + y) * width + area.x, end = i + area.w; i < end; i += 1, k += 1) pixels[k] = (bytes[i] << 24) | TINT
  return image
}

function sheetOf(width, height) {
  const canvas = make("canvas")
  Object.assign(canvas, { width, height })
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })]
}

// A grey PNG as a data URL, white where the mask is painted. Small ones at once, so that a press right after a stroke
// already finds them in Python; large ones beside the page's own work.
function toPicture(bytes, width, height, done) {
  const [canvas, pen] = sheetOf(width, height)
  const image = new ImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  for (let i = 0; i < bytes.length; i += 1) pixels[i] = 0xff000000 | (bytes[i] * 0x10101)
  pen.putImageData(image, 0, 0)
  if (bytes.length <= AT_ONCE) return done(canvas.toDataURL("image/png"))
  canvas.toBlob((blob) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result)
    reader.readAsDataURL(blob)
  }, "image/png")
}

// A mask from a path of ours or a data URL, brought to our size; nothing painted where there is none.
function fromPicture(url, width, height) {
  if (!url) return Promise.resolve(new Uint8Array(width * height))
  return new Promise((done, failed) => {
    const image = new Image()
    image.onload = () => {
      const [, pen] = sheetOf(width, height)
      pen.fillRect(0, 0, width, height)
      pen.drawImage(image, 0, 0, width, height)
      const seen = pen.getImageData(0, 0, width, height).data
      const bytes = new Uint8Array(width * height)
      for (let i = 0; i < bytes.length; i += 1) bytes[i] = seen[i * 4]
      done(bytes)
    }
    image.onerror = failed
    image.src = url
  })
}
