/**
 * Calls `act` once, at the browser's next frame. A hidden tab has no frames, and Node has none at all: there it takes a
 * quarter of a second. Returns what calls it off.
 */
export function nextFrame(act: () => void): () => void {
  const page = globalThis as Frames
  const cancel = () => {
    clearTimeout(timer)
    if (frame !== undefined) page.cancelAnimationFrame?.(frame)
  }
  const go = () => {
    cancel()
    act()
  }
  // Both, because a tab may be hidden before its frame comes.
  const timer = setTimeout(go, noFrameMs)
  const frame = page.requestAnimationFrame?.(go)
  return cancel
}

const noFrameMs = 250

interface Frames {
  requestAnimationFrame?(act: () => void): number
  cancelAnimationFrame?(frame: number): void
}
