// Bars of how many pictures there are over time, a picture for each bar that has room, and a span that one drags.
// The data are numbers of days; every word is made here and enters the page as text.
const DAY = 86_400_000
const SCALES = ["years", "months", "days"]
const STRIP = 66 // px: a thumbnail of the strip and its gap

const dateOf = (day) => new Date(day * DAY)
const dayOf = (year, month = 0, date = 1) => Math.round(Date.UTC(year, month, date) / DAY)
const say = (day, options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(dateOf(day))

// The bar that a day belongs to, by its first day; and the first day of the bar after it.
const startOf = {
  years: (day) => dayOf(dateOf(day).getUTCFullYear()),
  months: (day) => dayOf(dateOf(day).getUTCFullYear(), dateOf(day).getUTCMonth()),
  days: (day) => day,
}
const afterOf = {
  years: (day) => dayOf(dateOf(day).getUTCFullYear() + 1),
  months: (day) => dayOf(dateOf(day).getUTCFullYear(), dateOf(day).getUTCMonth() + 1),
  days: (day) => day + 1,
}
const nameOf = {
  years: (day) => say(day, { year: "numeric" }),
  months: (day) => say(day, { month: "long", year: "numeric" }),
  days: (day) => say(day, { day: "numeric", month: "long", year: "numeric" }),
}

// Every bar from the first to the last picture, the empty ones too: { first, last, count, id }.
function barsOf(days, scale, [low, high]) {
  const bars = []
  const start = startOf[scale](Math.max(days[0][0], low))
  const end = Math.min(days[days.length - 1][0], high)
  let at = days.findIndex(([day]) => day >= start)
  for (let first = start; first <= end; ) {
    const after = afterOf[scale](first)
    const bar = { first, last: after - 1, count: 0, id: 0, most: 0 }
    for (; at >= 0 && at < days.length && days[at][0] < after; at += 1) {
      const [, count, id] = days[at]
      bar.count += count
      if (count > bar.most) (bar.most = count), (bar.id = id)
    }
    bars.push(bar)
    first = after
  }
  return bars
}

// The finest scale whose bars are still wide enough to hit.
function fitting(days, width, [low, high]) {
  const span = Math.min(days[days.length - 1][0], high) - Math.max(days[0][0], low) + 1
  if (span <= width / 9) return "days"
  return span / 30.4 <= width / 9 ? "months" : "years"
}

function built(root) {
  const me = { box: make("div", "time"), data: null, scale: null, window: [-Infinity, Infinity], drag: null, at: -1 }
  me.head = make("div", "head")
  me.title = make("p", "title")
  me.scales = make("div", "scales")
  me.scales.setAttribute("role", "group")
  me.scales.setAttribute("aria-label", "Bars for")
  for (const scale of SCALES) {
    const button = make("button", "scale", scale[0].toUpperCase() + scale.slice(1))
    button.type = "button"
    button.addEventListener("click", () => rescale(me, scale))
    button.dataset.scale = scale
    me.scales.append(button)
  }
  me.clear = make("button", "clear", "All time")
  me.clear.type = "button"
  me.clear.addEventListener("click", () => ((me.window = [-Infinity, Infinity]), (me.scale = null), me.data.searched ? me.send("span", { first: null, last: null }) : draw(me)))
  me.head.append(me.title, me.scales, me.clear)
  me.room = make("div", "room")
  me.chart = make("div", "chart")
  me.chart.tabIndex = 0
  me.chart.setAttribute("role", "listbox")
  me.chart.setAttribute("aria-multiselectable", "true")
  me.chart.setAttribute("aria-label", "Timeline. Arrows go from bar to bar, with Shift they take more, Enter searches for that time, Escape for all time.")
  me.pick = make("div", "pick")
  me.pick.hidden = true
  me.ticks = make("div", "ticks")
  me.ticks.setAttribute("aria-hidden", "true")
  me.strip = make("div", "strip")
  me.strip.setAttribute("aria-hidden", "true")
  me.room.append(me.strip, me.chart, me.ticks)
  me.live = make("p", "live")
  me.live.setAttribute("role", "status")
  me.box.append(me.head, me.room, me.live)
  root.append(me.box)
  listen(me)
  new ResizeObserver(() => me.data && draw(me)).observe(me.room)
  return me
}

function rescale(me, scale) {
  const span = (me.wide ?? 900) / 3
  const { days } = me.data
  me.scale = scale
  // days of twenty years have no room: those around what is searched for, else the last
  const most = { days: span, months: span * 30.4, years: Infinity }[scale]
  const end = me.data.searched && me.data.last !== null ? Math.min(days[days.length - 1][0], me.data.last + most / 2) : days[days.length - 1][0]
  me.window = end - days[0][0] > most ? [end - most, end] : [-Infinity, Infinity]
  draw(me)
}

// --- drawing ------------------------------------------------------------------------------------------------------------

function draw(me) {
  const wide = me.room.clientWidth
  if (!wide || !me.data.days.length) return
  me.wide = wide
  const { days } = me.data
  const scale = me.scale || fitting(days, wide, me.window)
  me.shown = scale
  me.bars = barsOf(days, scale, me.window)
  me.each = wide / me.bars.length
  const tallest = Math.max(...me.bars.map((bar) => bar.count), 1)
  const parts = document.createDocumentFragment()
  me.bars.forEach((bar, i) => {
    const item = make("div", "bar")
    item.id = `bar-${i}`
    item.setAttribute("role", "option")
    item.setAttribute("aria-label", `${nameOf[scale](bar.first)}, ${counted(bar.count)}`)
    item.style.left = `${(i * me.each).toFixed(2)}px`
    item.style.width = `${Math.max(1.5, Math.min(me.each - Math.min(3, me.each * 0.22), 56)).toFixed(2)}px`
    // by the square root: one day of an import must not flatten all others
    item.style.height = bar.count ? `${Math.max(3, 100 * Math.sqrt(bar.count / tallest)).toFixed(1)}%` : "0"
    parts.append(item)
  })
  me.chart.replaceChildren(me.pick, parts)
  for (const button of me.scales.children) button.setAttribute("aria-pressed", String(button.dataset.scale === scale))
  ticks(me)
  strip(me)
  mark(me)
}

function ticks(me) {
  const { bars, shown, each } = me
  me.ticks.replaceChildren()
  let free = 0
  bars.forEach((bar, i) => {
    const date = dateOf(bar.first)
    const january = date.getUTCMonth() === 0
    const strong = shown === "months" ? january : shown === "days" ? date.getUTCDate() === 1 : true
    const text = { years: say(bar.first, { year: "numeric" }), months: january ? say(bar.first, { year: "numeric" }) : say(bar.first, { month: "short" }), days: date.getUTCDate() === 1 ? say(bar.first, { month: "short", year: january ? "numeric" : undefined }) : `${date.getUTCDate()}` }[shown]
    const x = i * each
    const wide = 12 + text.length * 7.2
    const next = bars.findIndex((other, j) => j > i && (shown === "months" ? dateOf(other.first).getUTCMonth() === 0 : shown === "days" && dateOf(other.first).getUTCDate() === 1))
    if (x < free || x + wide > me.wide + 8 || (!strong && next > 0 && x + wide > next * each)) return
    const tick = make("span", strong ? "strong" : "", text)
    tick.style.left = `${x.toFixed(1)}px`
    me.ticks.append(tick)
    free = x + wide
  })
}

// As many thumbnails as stand side by side, each over its own time and of the fullest bar there.
function strip(me) {
  const room = Math.max(1, Math.floor(me.wide / STRIP))
  const cells = new Map()
  me.bars.forEach((bar, i) => {
    if (!bar.id) return
    const cell = Math.min(room - 1, Math.floor(((i + 0.5) * me.each) / (me.wide / room)))
    const held = cells.get(cell)
    if (!held || bar.count > held.bar.count) cells.set(cell, { bar, i })
  })
  const old = new Map([...me.strip.children].map((child) => [child.dataset.id, child]))
  const now = [...cells].map(([cell, { bar, i }]) => {
    const image = old.get(String(bar.id)) || make("img")
    if (!image.src) {
      image.alt = ""
      image.draggable = false
      image.dataset.id = bar.id
      image.onload = () => image.classList.add("here")
      image.src = `/thumbs/${bar.id}`
      image.addEventListener("click", () => me.send("open", Number(image.dataset.id)))
    }
    image.title = nameOf[me.shown](bar.first)
    image.style.left = `${((cell + 0.5) * (me.wide / room)).toFixed(1)}px`
    image.dataset.bar = i
    return image
  })
  me.strip.replaceChildren(...now)
}

// Which bars are searched for or being dragged over, and what the line above says.
function mark(me) {
  const { data, bars, drag } = me
  const [first, last] = drag ? [bars[Math.min(drag.from, drag.to)].first, bars[Math.max(drag.from, drag.to)].last] : data.searched ? [data.first ?? -Infinity, data.last ?? Infinity] : [NaN, NaN]
  const inside = (bar) => bar.last >= first && bar.first <= last
  const some = drag !== null || data.searched
  me.box.classList.toggle("some", some)
  let [from, to, count] = [-1, -1, 0]
  bars.forEach((bar, i) => {
    const taken = some && inside(bar)
    const item = me.chart.children[i + 1]
    item.classList.toggle("in", taken)
    item.classList.toggle("at", i === me.at)
    item.setAttribute("aria-selected", String(taken))
    if (!taken) return
    if (from < 0) from = i
    to = i
  })
  for (const [day, many] of data.days) if (!some || (day >= first && day <= last)) count += many
  for (const image of me.strip.children) image.classList.toggle("out", some && !inside(bars[image.dataset.bar]))
  me.pick.hidden = from < 0
  if (from >= 0) {
    me.pick.style.left = `${from * me.each - 2}px`
    me.pick.style.width = `${(to - from + 1) * me.each + 1}px`
  }
  const [low, high] = [Math.max(first, data.days[0][0]), Math.min(last, data.days[data.days.length - 1][0])]
  const long = { day: "numeric", month: "short", year: "numeric" }
  const when = some ? period(first, last, long) : low === high || !some ? period(data.days[0][0], data.days[data.days.length - 1][0], long) : ""
  me.title.replaceChildren(make("strong", "", when), make("span", "", counted(count)))
  me.clear.hidden = !data.searched && me.window[0] === -Infinity
  if (me.at >= 0 && me.at < bars.length) me.chart.setAttribute("aria-activedescendant", `bar-${me.at}`)
  else me.chart.removeAttribute("aria-activedescendant")
}

function period(first, last, long) {
  if (first === -Infinity) return `until ${say(last, long)}`
  if (last === Infinity) return `since ${say(first, long)}`
  for (const scale of SCALES) if (startOf[scale](first) === first && afterOf[scale](first) - 1 === last) return nameOf[scale](first)
  return first === last ? say(first, long) : `${say(first, long)} to ${say(last, long)}`
}

// --- hands ----------------------------------------------------------------------------------------------------------------

function take(me, from, to) {
  const [low, high] = [me.bars[Math.min(from, to)], me.bars[Math.max(from, to)]]
  me.send("span", { first: low.first, last: high.last })
}

function listen(me) {
  const barAt = (event) => {
    const box = me.chart.getBoundingClientRect()
    return Math.min(me.bars.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / me.each)))
  }
  me.chart.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return
    me.chart.setPointerCapture(event.pointerId)
    const at = barAt(event)
    me.drag = { from: at, to: at }
    me.at = -1
    mark(me)
  })
  me.chart.addEventListener("pointermove", (event) => {
    const at = barAt(event)
    const bar = me.bars[at]
    me.chart.title = `${nameOf[me.shown](bar.first)}: ${counted(bar.count)}`
    if (!me.drag || me.drag.to === at) return
    me.drag.to = at
    mark(me)
  })
  const up = (event) => {
    const { drag } = me
    me.drag = null
    if (!drag) return
    if (event.type === "pointerup") take(me, drag.from, drag.to)
    mark(me)
  }
  me.chart.addEventListener("pointerup", up)
  me.chart.addEventListener("pointercancel", up)
  me.chart.addEventListener("dblclick", (event) => nearer(me, barAt(event)))
  me.chart.addEventListener("keydown", (event) => keyed(me, event))
  me.chart.addEventListener("focus", () => {
    if (me.at < 0 && me.chart.matches(":focus-visible")) (me.at = me.bars.length - 1), mark(me)
  })
  me.chart.addEventListener("blur", () => ((me.at = -1), (me.drag = null), mark(me)))
  me.room.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return // the page scrolls
    event.preventDefault()
  }, { passive: false })
}

// Twice on a bar: its own months or days.
function nearer(me, at) {
  const next = SCALES[SCALES.indexOf(me.shown) + 1]
  if (!next) return
  me.window = [me.bars[at].first, me.bars[at].last]
  me.scale = next
  draw(me)
}

function keyed(me, event) {
  const last = me.bars.length - 1
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last, PageUp: -12, PageDown: 12 }
  if (event.key in moves) {
    const from = event.shiftKey ? (me.drag?.from ?? me.at) : null
    me.at = Math.min(last, Math.max(0, (me.at < 0 ? last : me.at) + moves[event.key]))
    me.drag = from === null ? null : { from, to: me.at }
    me.live.textContent = `${nameOf[me.shown](me.bars[me.at].first)}, ${counted(me.bars[me.at].count)}`
    mark(me)
  } else if (event.key === "Enter" && me.at >= 0) {
    take(me, me.drag?.from ?? me.at, me.at)
    me.drag = null
  } else if (event.key === "Escape" && me.data.searched) me.send("span", { first: null, last: null })
  else if (event.key === "+" && me.at >= 0) nearer(me, me.at)
  else if (event.key === "-") (me.window = [-Infinity, Infinity]), (me.scale = null), (me.at = -1), draw(me)
  else return
  event.preventDefault()
  event.stopPropagation()
}

export default function ({ data, parentElement, setTriggerValue }) {
  const me = once(parentElement, built)
  me.send = setTriggerValue
  me.data = data
  draw(me)
}
