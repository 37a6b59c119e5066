// One tile of the wall: what it is made of, what it shows of a picture, what it says of it. It asks for nothing.
function blankTile() {
  const tile = make("div", "tile")
  tile.setAttribute("role", "option")
  tile.draggable = true
  const image = make("img")
  image.decoding = "async"
  image.draggable = false
  image.alt = ""
  image.onload = () => image.classList.add("here")
  const marks = make("span", "marks")
  marks.append(make("span", "label"), make("span", "heart"))
  const foot = make("span", "foot")
  foot.append(make("span", "stars"), make("span", "alt"), make("span", "why"))
  const check = make("span", "check")
  check.append(glyph("check"))
  tile.append(image, foot, marks, check)
  return tile
}

function told(item) {
  const parts = [item.alt]
  if (item.rating > 0) parts.push(`rated ${item.rating}`)
  if (item.rating < 0) parts.push("disliked")
  if (item.favourite) parts.push("favourite")
  if (item.gone) parts.push("its file is gone")
  if (item.why) parts.push(item.why)
  return parts.join(", ")
}

// `flying`: whoever flies past a thousand pictures wants to see none of them.
function fillTile(tile, item, at, model, flying) {
  const said = `${at} ${model.total} ${at === model.focus} ${flying} ${item ? `${model.chosen.has(item.id)} ${JSON.stringify(item)}` : ""}`
  if (tile.said === said) return
  tile.said = said
  const [image, foot, marks] = tile.children
  tile.id = `tile-${at}`
  tile.dataset.at = at
  tile.setAttribute("aria-posinset", at + 1)
  tile.setAttribute("aria-setsize", model.total)
  tile.classList.toggle("active", at === model.focus)
  const chosen = Boolean(item) && model.chosen.has(item.id)
  tile.classList.toggle("chosen", chosen)
  tile.setAttribute("aria-selected", String(chosen))
  tile.classList.toggle("blank", !item)
  if (!item) {
    image.classList.remove("here")
    image.removeAttribute("src")
    delete tile.dataset.id
    tile.setAttribute("aria-label", "Loading")
    marks.hidden = true
    foot.hidden = true
    return
  }
  tile.dataset.id = item.id
  const src = `/thumbs/${item.id}`
  if (image.getAttribute("src") !== src) {
    image.classList.remove("here")
    if (flying) image.removeAttribute("src")
    else image.src = src
    if (image.complete && image.naturalWidth) image.classList.add("here")
  }
  tile.setAttribute("aria-label", told(item))
  tile.classList.toggle("disliked", item.rating < 0)
  tile.classList.toggle("favourite", Boolean(item.favourite))
  tile.classList.toggle("rated", item.rating !== 0)
  tile.classList.toggle("gone", Boolean(item.gone))
  marks.hidden = false
  foot.hidden = false
  marks.firstChild.textContent = item.label || ""
  marks.firstChild.hidden = !item.label
  mark(foot.firstChild, item.rating)
  foot.children[1].textContent = item.alt
  foot.children[2].textContent = item.why || ""
}
