// Hears what is typed into a text area before it is sent, so that the draft is kept and the tokens are counted as one types.
const PAUSE = 250 // ms without a key

export default function ({ data, setStateValue }) {
  let timer = 0
  let waiting = null
  const send = () => {
    clearTimeout(timer)
    if (waiting !== null) setStateValue("typed", { text: waiting, n: Date.now() })
    waiting = null
  }
  const ours = (event) => event.target instanceof HTMLTextAreaElement && event.target.closest(`.${CSS.escape(data.target)}`)
  const hear = (event) => {
    if (!ours(event)) return
    waiting = event.target.value
    clearTimeout(timer)
    timer = setTimeout(send, PAUSE)
  }
  const leave = (event) => {
    if (ours(event)) send()
  }
  const held = (event) => {
    if (event.repeat && event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.stopImmediatePropagation()
  }
  window.addEventListener("keydown", held, true) // Ctrl+Enter held a little long repeats itself, and is still one press
  document.addEventListener("input", hear, true)
  document.addEventListener("focusout", leave, true)
  window.addEventListener("pagehide", send)
  return () => {
    send() // a new run of the page renders us anew; what was just typed must not be lost with the timer
    window.removeEventListener("keydown", held, true)
    document.removeEventListener("input", hear, true)
    document.removeEventListener("focusout", leave, true)
    window.removeEventListener("pagehide", send)
  }
}
