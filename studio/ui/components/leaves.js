// An answer of any length, of which only what is looked at was fetched; and what is done to its pictures. It draws nothing.
const LEAF = 60 // tiles in one request
const FLIGHTS = 4
const PATIENCE = 2500 // ms before a request that failed is tried again

function leaves(key) {
  return {
    key, route: "", total: 0, items: [], turn: 0, stamp: "", flights: new Map(), tired: 0,
    focus: 0, anchor: 0, chosen: new Set(), n: 0, scroll: 0, recount: false, work: Promise.resolve(), told: () => {}, say: () => {},
  }
}

function lay(model, start, tiles) {
  tiles.forEach((item, at) => (model.items[start + at] = { ...item, turn: model.turn }))
}

// Everything may be another picture now: what is looked at is asked for again, and stays until its successor is there.
function renew(model, { count = true } = {}) {
  model.turn += 1
  model.recount = count
  land(model)
}

function land(model) {
  for (const flight of model.flights.values()) flight.abort()
  model.flights.clear()
}

function need(model, first, last) {
  for (let at = first; at < last; at += 1) {
    const item = model.items[at]
    if (item && item.turn === model.turn) continue
    const start = at - (at % LEAF)
    if (model.flights.size < FLIGHTS && !model.flights.has(start) && performance.now() > model.tired) bring(model, start)
    at = start + LEAF - 1
  }
}

async function bring(model, start) {
  const flight = new AbortController()
  const turn = model.turn
  model.flights.set(start, flight)
  try {
    const answer = await ask(`/wall?${model.route}&from=${start}&count=${LEAF}${model.recount ? "&total=1" : ""}`, flight.signal)
    if (turn !== model.turn) return
    if (answer.total !== undefined) {
      model.total = answer.total
      model.items.length = Math.min(model.items.length, model.total)
      model.recount = false
    }
    lay(model, start, answer.tiles)
    const short = start + answer.tiles.length
    if (answer.tiles.length < LEAF && short < model.total) {
      model.total = short // fewer than were counted: some were deleted elsewhere
      model.items.length = Math.min(model.items.length, short)
    }
  } catch (error) {
    if (error.name === "AbortError") return
    model.tired = performance.now() + PATIENCE
    model.say(error.message)
    setTimeout(model.told, PATIENCE + 50)
  } finally {
    if (model.flights.get(start) === flight) model.flights.delete(start)
    model.told()
  }
}

async function ask(path, signal, wish) {
  const how = wish === undefined
    ? { signal }
    : { signal, method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(wish) }
  let answer
  try {
    answer = await fetch(path, how)
  } catch (error) {
    if (error.name === "AbortError") throw error
    throw new Error("The studio does not answer; is it still running?")
  }
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok) throw Object.assign(new Error(said.error || "The studio did not understand that; reload the page."), { status: answer.status })
  return said
}

// One picture of it, wherever it stands; null past its end.
async function picture(model, at) {
  if (at < 0 || at >= model.total) return null
  if (!model.items[at]) lay(model, at - (at % LEAF), (await ask(`/wall?${model.route}&from=${at - (at % LEAF)}&count=${LEAF}`)).tiles)
  return model.items[at] || null
}

// The numbers of a stretch, also of what was never looked at.
async function numbers(model, first, last) {
  const known = []
  for (let at = first; at <= last; at += 1) {
    if (!model.items[at]) return (await ask(`/wall/ids?${model.route}&from=${first}&count=${last - first + 1}`)).ids
    known.push(model.items[at].id)
  }
  return known
}

// Changes reach the gallery in the order of the keys, so that the last one is what Ctrl+Z takes back.
function inTurn(model, work) {
  const mine = model.work.then(work)
  model.work = mine.catch(() => {})
  return mine
}

// The changes that this tab made, the newest last: Ctrl+Z takes back none of another tab's, the terminal's or of last week.
const deeds = (window.easelDeeds ??= { list: [], newest: 0 }) // the wall and a picture's page share it

function did(change) {
  if (!(change > deeds.newest)) return // the page's script tells again what a key did
  deeds.newest = change
  deeds.list.push(change)
}

async function unmake() {
  const change = deeds.list.at(-1) ?? null
  const forget = () => (deeds.list = deeds.list.filter((one) => one !== change))
  try {
    const answer = await ask("/wall/undo", undefined, { change })
    forget()
    return answer
  } catch (error) {
    if (error.status === 400) forget() // it was undone elsewhere, or cannot be
    throw error
  }
}

const FIELDS = { rate: "rating", favourite: "favourite" }

// Change pictures: at once in what is shown, then in the gallery; what the gallery refuses is shown as it was.
async function act(model, ids, what, value) {
  const wanted = new Set(ids)
  const field = FIELDS[what]
  const before = []
  model.items.forEach((item) => {
    if (item && field && wanted.has(item.id)) {
      before.push([item, item[field]])
      item[field] = value
    }
  })
  model.told()
  try {
    const answer = await inTurn(model, () => ask("/wall/change", undefined, { ids: [...wanted], what, value }))
    did(answer.change)
    model.stamp = answer.stamp
    if (what === "bin" || what === "restore") leave(model, wanted)
    return answer
  } catch (error) {
    before.forEach(([item, old]) => (item[field] = old))
    throw error
  } finally {
    model.told()
  }
}

// What went leaves no gap; what is not known yet moves up as it does in the gallery.
function leave(model, gone) {
  const known = model.items.filter((item) => item && gone.has(item.id)).length
  land(model)
  for (let at = model.items.length - 1; at >= 0; at -= 1) {
    if (model.items[at] && gone.has(model.items[at].id)) model.items.splice(at, 1)
  }
  gone.forEach((id) => model.chosen.delete(id))
  model.total = Math.max(0, model.total - known)
  if (known < gone.size) renew(model) // some were never looked at: nobody here knows where they stood
  model.focus = Math.max(0, Math.min(model.focus, model.total - 1))
}

async function takeBack(model) {
  const answer = await inTurn(model, unmake)
  model.stamp = answer.stamp
  renew(model)
  model.told()
  return answer
}
