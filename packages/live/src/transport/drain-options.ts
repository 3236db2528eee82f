/** How clients are moved to other nodes. */
export interface DrainOptions {
  /**
   * How long to stay, not ready, before the first client is asked to move: until load balancers send new clients
   * elsewhere. Default 0.
   */
  readonly afterMs?: number
  /** Over which time the clients are asked to move, one after the other, in random order. Default 2,000. */
  readonly overMs?: number
  /** How long after the last of them was asked the sockets that are still open are closed with 1012. Default 2,000. */
  readonly deadlineMs?: number
  /** Asks the rest at once, and goes straight to the deadline. */
  readonly signal?: AbortSignal
}
