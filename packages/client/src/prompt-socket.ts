/** How long a connection may take to open. */
const openMs = 15_000
/** How long it may take to close. */
const closeMs = 1_000

/**
 * The same `WebSocket`, with its `close` event within a second of `close()`, and given up where it does not open within 15.
 * On a dead network neither the handshake of an opening ends by itself nor that of a closing, or only after minutes.
 */
export function promptSocket(Socket: typeof WebSocket): typeof WebSocket {
  return class extends Socket {
    #isGone = false

    constructor(...address: ConstructorParameters<typeof WebSocket>) {
      super(...address)
      const opening = setTimeout(() => this.close(), openMs)
      const end = () => clearTimeout(opening)
      this.addEventListener('open', end)
      this.addEventListener('close', end)
      const silence = (event: Event) => this.#isGone && event.stopImmediatePropagation()
      for (const name of ['message', 'error', 'close']) this.addEventListener(name, silence)
    }

    override close(code?: number, reason?: string) {
      super.close(code, reason)
      setTimeout(() => this.#end(), closeMs)
    }

    #end() {
      if (this.#isGone || this.readyState === this.CLOSED) return
      // That of the package `ws` can be ended for good.
      if ('terminate' in this) return (this as unknown as { terminate(): void }).terminate()
      this.dispatchEvent(Object.assign(new Event('close'), { code: 1006, reason: '', wasClean: false }))
      this.#isGone = true
    }
  }
}
