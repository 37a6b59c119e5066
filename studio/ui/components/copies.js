// Groups of copies: one of each is kept. Which one is chosen here, without a run of the page; every word enters as text.
const chosen = new Map()

function act(words, symbol, style, run) {
  const button = make("button", style)
  button.type = "button"
  button.append(glyph(symbol), make("span", "", words))
  button.onclick = run
  return button
}

function mark(card, keeper) {
  for (const one of card.querySelectorAll(".one")) {
    const kept = Number(one.dataset.id) === keeper
    one.classList.toggle("kept", kept)
    const face = one.querySelector(".face")
    face.setAttribute("aria-checked", kept ? "true" : "false")
    face.tabIndex = kept ? 0 : -1
  }
}

function picture(item, choose, open) {
  const one = make("div", "one")
  one.dataset.id = item.id
  const face = make("button", "face")
  face.type = "button"
  face.setAttribute("role", "radio")
  face.setAttribute("aria-label", `Keep ${item.alt}, ${item.size}, ${item.about}`)
  const image = make("img")
  image.loading = "lazy"
  image.alt = ""
  image.src = item.src
  const badge = make("span", "badge")
  badge.append(glyph("task_alt"), make("span", "", "Keep"))
  face.append(image, badge)
  face.onclick = () => choose(item.id)
  const facts = make("div", "facts")
  const first = make("b", "", item.size)
  const look = make("button", "open")
  look.type = "button"
  look.title = "Open"
  look.setAttribute("aria-label", `Open ${item.alt}`)
  look.append(glyph("open_in_full"))
  look.onclick = () => open(item.id)
  facts.append(first, look, make("span", "", item.about))
  if (item.marks.length) {
    const marks = make("span", "marks")
    for (const [symbol, words] of item.marks) {
      const told = glyph(symbol)
      told.title = words
      marks.append(told)
    }
    facts.append(marks)
  }
  one.append(face, facts)
  return one
}

function group(data, item, send) {
  const card = make("section", "group")
  card.setAttribute("aria-label", item.title)
  const ids = item.pictures.map((one) => one.id)
  const keeper = () => (ids.includes(chosen.get(item.key)) ? chosen.get(item.key) : item.keep)
  const why = make("span", "why", item.why)
  const choose = (id) => {
    chosen.set(item.key, id)
    why.textContent = id === item.keep ? item.why : "Your choice."
    mark(card, id)
  }
  const head = make("div", "head")
  const acts = make("div", "acts")
  acts.append(
    act("They are not the same", "call_split", "quiet", () => send({ act: "apart", ids })),
    act(ids.length === 2 ? "Keep this, bin the other" : `Keep this, bin the other ${ids.length - 1}`, "delete", "", () =>
      send({ act: "keep", keep: keeper(), ids }),
    ),
  )
  head.append(make("h3", "", item.title), why, acts)
  const row = make("div", "row")
  row.setAttribute("role", "radiogroup")
  row.setAttribute("aria-label", "Which one to keep")
  row.append(...item.pictures.map((one) => picture(one, choose, (id) => send({ act: "open", ids: [id] }))))
  row.onkeydown = (event) => {
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }
    if (!(event.key in moves) || !event.target.classList.contains("face")) return
    event.preventDefault()
    const next = ids[(ids.indexOf(keeper()) + moves[event.key] + ids.length) % ids.length]
    choose(next)
    row.querySelector(`[data-id="${next}"] .face`).focus()
  }
  card.append(head, row)
  choose(keeper())
  return card
}

export default function ({ data, parentElement, setTriggerValue }) {
  let list = parentElement.querySelector(".copies")
  if (!list) {
    list = make("div", "copies")
    parentElement.append(list)
  }
  const drawn = JSON.stringify(data)
  if (list.dataset.drawn === drawn) return
  list.dataset.drawn = drawn
  const send = (deed) => setTriggerValue("deed", deed)
  list.replaceChildren(...data.groups.map((item) => group(data, item, send)))
}
