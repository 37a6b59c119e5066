// The map's thumbnails: fetched a few at a time, kept small, and laid so that none hides another. It hears no pointer.
const SIDE = 128 // px that a thumbnail is kept at
const AT_ONCE = 8
const KEPT = 900 // thumbnails in memory, 64 kB each
const MANY = 1500 // more pictures than this in sight are dots alone
const MOST = 220 // thumbnails at once

const tilesHeld = new Map() // id -> canvas; null while it comes, and where it never will
let tilesComing = 0

// A thumbnail cut to a square with round corners; null until it is here. `ready` is called when it has come.
function tileOf(id, ready) {
  const held = tilesHeld.get(id)
  if (held) {
    tilesHeld.delete(id) // the one that was used last goes last
    tilesHeld.set(id, held)
    return held
  }
  if (tilesHeld.has(id) || tilesComing >= AT_ONCE) return null
  tilesComing += 1
  tilesHeld.set(id, null)
  const image = new Image()
  image.decoding = "async"
  const done = () => {
    tilesComing -= 1
    ready()
  }
  image.onload = () => {
    const canvas = document.createElement("canvas")
    canvas.width = canvas.height = SIDE
    const pen = canvas.getContext("2d")
    pen.imageSmoothingQuality = "high"
    pen.roundRect(0, 0, SIDE, SIDE, 16)
    pen.clip()
    const side = Math.min(image.naturalWidth, image.naturalHeight)
    pen.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, SIDE, SIDE)
    canvas.born = performance.now()
    tilesHeld.set(id, canvas)
    for (const old of tilesHeld.keys()) {
      if (tilesHeld.size <= KEPT) break
      if (tilesHeld.get(old)) tilesHeld.delete(old)
    }
    done()
  }
  image.onerror = () => {
    tilesComing -= 1
  }
  image.src = `/thumbs/${id}`
  return null
}

// Which of two pictures is shown where both have no room: the same at every zoom, so that nothing flickers.
const rank = (id) => Math.imul(id ^ 0x5bd1e995, 0x9e3779b1) >>> 0

// Where thumbnails go among `rows` in sight: { i, x, y, side } in pixels, those that matter most last. `first(i)` says who comes first.
function layTiles(rows, points, at, { width, height, first, most }) {
  if (rows.length > MANY || !rows.length) return []
  const room = Math.sqrt((width * height) / rows.length)
  const side = Math.max(40, Math.min(most, room * 1.02))
  const sorted = [...rows].sort((a, b) => first(b) - first(a) || rank(points.ids[a]) - rank(points.ids[b]))
  const taken = new Map()
  const laid = []
  const gap = side + 4
  for (const i of sorted) {
    const [x, y] = [at.x + points.x[i] * at.across, at.y + points.y[i] * at.down]
    if (x < -side || y < -side || x > width + side || y > height + side) continue
    const [column, row] = [Math.floor(x / gap), Math.floor(y / gap)]
    let free = true
    for (let r = row - 1; free && r <= row + 1; r += 1)
      for (let c = column - 1; free && c <= column + 1; c += 1)
        for (const other of taken.get(r * 4096 + c) || [])
          if (Math.abs(other.x - x) < gap && Math.abs(other.y - y) < gap) free = false
    if (!free) continue
    const tile = { i, x, y, side }
    const key = row * 4096 + column
    if (taken.has(key)) taken.get(key).push(tile)
    else taken.set(key, [tile])
    laid.push(tile)
    if (laid.length === MOST) break
  }
  return laid.reverse()
}
