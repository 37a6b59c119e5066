// The rail beside the wall: shelves, collections and saved searches. Every name enters the page as text.
const OURS = /\/(?:pictures|thumbs|shown)\/(\d{1,18})(?:[?#]|$)/
const ARTWORKS = "application/x-easel-artworks"

function entry(symbol, name, count, current, does) {
  const made = make("button", "entry")
  made.type = "button"
  made.title = name
  if (current) made.setAttribute("aria-current", "true")
  made.append(glyph(symbol), make("span", "name", name))
  if (typeof count === "number") made.append(make("span", "count", count.toLocaleString("en")))
  made.addEventListener("click", does)
  return made
}

// A name that is being typed: Enter keeps it, Esc and leaving it empty do not
function naming(label, name, done) {
  const made = make("input", "naming")
  made.type = "text"
  made.maxLength = 80
  made.value = name
  made.placeholder = label
  made.setAttribute("aria-label", label)
  let over = false
  const end = (keep) => {
    if (over) return
    over = true
    done(keep ? made.value.trim() : "")
  }
  made.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.isComposing) return
    if (event.key === "Enter") end(true)
    if (event.key === "Escape") end(false)
  })
  made.addEventListener("blur", () => end(false))
  return made
}

function dragged(transfer) {
  const linked = OURS.exec(transfer.getData("text/uri-list") || "")
  const listed = (transfer.getData(ARTWORKS) || "").match(/\d{1,18}/g) || []
  return (listed.length ? listed : linked ? [linked[1]] : []).map(Number)
}

function held(me, one, data) {
  const row = make("div", "held")
  row.dataset.id = one.id
  if (me.editing === one.id) {
    row.append(naming("New name", one.name, (name) => me.named(name && name !== one.name ? { do: "rename", id: one.id, name } : null)))
    return row
  }
  const symbol = one.smart ? "saved_search" : "folder_special"
  row.append(
    entry(symbol, one.name, one.count, one.id === data.current, () => me.act({ do: "open", id: one.id })),
    pressable("small", `Rename ${one.name}`, () => me.edit(one.id), glyph("edit")),
    pressable("small", `Delete the collection ${one.name}`, () => me.act({ do: "delete", id: one.id }), glyph("delete")),
  )
  if (one.smart) return row
  row.addEventListener("dragover", (event) => {
    event.preventDefault()
    row.classList.add("over")
  })
  row.addEventListener("dragleave", () => row.classList.remove("over"))
  row.addEventListener("drop", (event) => {
    event.preventDefault()
    row.classList.remove("over")
    const ids = dragged(event.dataTransfer)
    if (ids.length) me.act({ do: "collect", id: one.id, ids })
  })
  return row
}

function draw(root, me, data) {
  const shelves = make("div", "group")
  shelves.setAttribute("role", "group")
  shelves.setAttribute("aria-label", "Shelves")
  for (const one of data.shelves) {
    const current = one.name === data.shelf && !data.current
    shelves.append(entry(one.symbol, one.name, undefined, current, () => me.act({ do: "shelf", name: one.name })))
  }
  const head = make("div", "head")
  head.append(make("span", "", "Collections"), pressable("small", "New collection", () => me.edit("new"), glyph("add")))
  const list = make("div", "group collections")
  list.setAttribute("role", "group")
  list.setAttribute("aria-label", "Collections")
  if (me.editing === "new") {
    list.append(naming("Name of the collection", "", (name) => me.named(name ? { do: "create", name } : null)))
  }
  list.append(...data.collections.map((one) => held(me, one, data)))
  if (!data.collections.length && me.editing !== "new" && data.saving === null) {
    list.append(make("p", "quiet", "Put pictures together by hand, or save a search."))
  }
  root.replaceChildren(shelves, head, list)
  if (data.saving !== null) {
    const saving = me.editing === "save"
    root.append(
      saving
        ? naming("Name of the search", data.saving, (name) => me.named(name ? { do: "save", name } : null))
        : entry("bookmark_add", "Save this search", undefined, false, () => me.edit("save")),
    )
    if (!saving) root.lastChild.classList.add("save")
  }
  const input = root.querySelector("input")
  if (input) {
    input.focus()
    input.select()
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector("nav")
  if (!root) {
    root = make("nav", "rail")
    root.setAttribute("aria-label", "Shelves and collections")
    parentElement.append(root)
  }
  const me = (root.me ||= { editing: null, told: "" })
  me.act = (deed) => setTriggerValue("act", { ...deed, n: Date.now() })
  me.edit = (what) => {
    me.editing = what
    draw(root, me, data)
  }
  me.named = (deed) => {
    me.edit(null)
    if (deed) me.act(deed)
  }
  const told = JSON.stringify(data)
  if (told === me.told && root.childElementCount) return // another run of the page; who types a name is not disturbed
  me.told = told
  draw(root, me, data)
}
