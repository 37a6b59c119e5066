// What a mask is made of: one byte for each pixel, 255 where it is painted. Plain arrays in, plain arrays out.

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
  let from = bytes.slice()
  let to = bytes.slice()
  for (let round = 0; round < radius; round += 1) {
    for (let y = area.y; y < area.y + area.h; y += 1) {
      const up = y > 0 ? -width : 0
      const down = y < height - 1 ? width : 0
      for (let x = area.x, i = y * width + area.x; x < area.x + area.w; x += 1, i += 1) {
        const left = x > 0 ? -1 : 0
        const right = x < width - 1 ? 1 : 0
        let value = from[i]
        const see = (k) => {
          if (shrink ? from[k] < value : from[k] > value) value = from[k]
        }
        see(i + left), see(i + right), see(i + up), see(i + down)
        if (round % 2) see(i + up + left), see(i + up + right), see(i + down + left), see(i + down + right)
        to[i] = value
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}

// A soft edge: three box blurs come close to a Gaussian of that radius.
function softened(bytes, width, height, radius) {
  const reach = Math.max(1, Math.round(radius / 2))
  let from = Float32Array.from(bytes)
  let to = new Float32Array(bytes.length)
  const pass = (count, length, start, step) => {
    for (let line = 0; line < count; line += 1) {
      const base = line * start
      let sum = from[base] * (reach + 1)
      for (let k = 1; k <= reach; k += 1) sum += from[base + Math.min(k, length - 1) * step]
      for (let k = 0; k < length; k += 1) {
        to[base + k * step] = sum / (2 * reach + 1)
        sum += from[base + Math.min(k + reach + 1, length - 1) * step] - from[base + Math.max(k - reach, 0) * step]
      }
    }
    ;[from, to] = [to, from]
  }
  for (let time = 0; time < 3; time += 1) {
    pass(height, width, width, 1)
    pass(width, height, 1, width)
  }
  return Uint8Array.from(from, (value) => Math.round(value))
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
