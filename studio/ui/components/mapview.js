// Where one looks on the map: `view` is the middle of the window, 0 to 1, and the zoom; pixels to places and back; flights.
// `me` is the map's state, as map.js makes it. It draws nothing.
const CLOSEST = 60 // how far one can go in
const FURTHEST = 0.5
const NEARER = [1.9, 4.2] // from these zooms on the next level's names are shown

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
const clamp = (value, low, high) => Math.min(high, Math.max(low, value))
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

// The rectangle in which the pictures lie, left, top, right, bottom: what is drawn seldom fills the square.
function boundsOf(points) {
  let [left, top, right, bottom] = [PLACES, PLACES, 0, 0]
  for (let i = 0; i < points.count; i += 1) {
    left = Math.min(left, points.x[i])
    right = Math.max(right, points.x[i])
    top = Math.min(top, points.y[i])
    bottom = Math.max(bottom, points.y[i])
  }
  return points.count ? [left, top, right, bottom].map((value) => value / PLACES) : [0, 0, 1, 1]
}

const ROOM = [150, 84] // px beside and above the pictures when all of them are shown

// A window is wider than it is high; what lies side by side may lie further apart there.
function stretched({ points, wide, high }) {
  const [left, top, right, bottom] = boundsOf(points)
  return clamp(((wide - ROOM[0]) / (high - ROOM[1])) * (Math.max(0.02, bottom - top) / Math.max(0.02, right - left)), 1, 1.7)
}

function whole({ points, wide, high, stretch }) {
  const [left, top, right, bottom] = boundsOf(points)
  const all = Math.min((wide - ROOM[0]) / Math.max(0.02, right - left) / stretch, (high - ROOM[1]) / Math.max(0.02, bottom - top))
  return { x: (left + right) / 2 - 24 / all / stretch, y: (top + bottom) / 2, zoom: clamp(all / high, FURTHEST, CLOSEST) }
}

const side = (me, zoom = me.view.zoom) => me.high * zoom // px of the map's side

// A place of 0 to PLACES lies at (x + place * across, y + place * down) in pixels.
function placing(me, dpr = 1) {
  const [across, down] = [side(me) * me.stretch, side(me)]
  return { across: (across / PLACES) * dpr, down: (down / PLACES) * dpr, x: (me.wide / 2 - me.view.x * across) * dpr, y: (me.high / 2 - me.view.y * down) * dpr }
}

function onMap(me, x, y) {
  const all = side(me)
  return [me.view.x + (x - me.wide / 2) / all / me.stretch, me.view.y + (y - me.high / 2) / all]
}

function look(me, view) {
  me.view = { x: clamp(view.x, -0.1, 1.1), y: clamp(view.y, -0.1, 1.1), zoom: clamp(view.zoom, FURTHEST, CLOSEST) }
  remember(me)
  paint(me)
}

function remember(me) {
  clearTimeout(me.keeping)
  me.keeping = setTimeout(() => sessionStorage.setItem("easel-map", JSON.stringify(me.view)), 200)
}

function recalled() {
  try {
    const view = JSON.parse(sessionStorage.getItem("easel-map"))
    return view && [view.x, view.y, view.zoom].every(Number.isFinite) ? view : null
  } catch {
    return null
  }
}

function zoomAt(me, factor, x, y) {
  me.flight = null
  const [mx, my] = onMap(me, x, y)
  const zoom = clamp(me.view.zoom * factor, FURTHEST, CLOSEST)
  const all = side(me, zoom)
  look(me, { x: mx - (x - me.wide / 2) / all / me.stretch, y: my - (y - me.high / 2) / all, zoom })
}

const zoomBy = (me, factor) => fly(me, { ...me.view, zoom: clamp(me.view.zoom * factor, FURTHEST, CLOSEST) })

// Go there in a quarter of a second, so that one sees where one comes from.
function fly(me, to) {
  if (calm()) return (look(me, to), tell(me))
  const from = me.view
  const flight = (me.flight = { began: performance.now() })
  const step = (now) => {
    if (me.flight !== flight) return
    const share = clamp((now - flight.began) / 320, 0, 1)
    const eased = 1 - (1 - share) ** 3
    const zoom = from.zoom * (to.zoom / from.zoom) ** eased
    // what stands still on the way is the point that both windows share
    const part = Math.abs(to.zoom - from.zoom) < 1e-6 ? eased : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / to.zoom)
    look(me, { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part, zoom })
    if (share < 1) requestAnimationFrame(step)
    else (me.flight = null), tell(me)
  }
  requestAnimationFrame(step)
}

function flyTo(me, place) {
  const [left, top, right, bottom] = place.box
  const span = Math.max(((right - left) * me.stretch * me.high) / me.wide, bottom - top, 0.012)
  const next = NEARER[place.level] ? Math.max(NEARER[place.level] * 1.02, 0.78 / span) : 0.78 / span
  fly(me, { x: (left + right) / 2, y: (top + bottom) / 2, zoom: clamp(next, 1, CLOSEST) })
}
