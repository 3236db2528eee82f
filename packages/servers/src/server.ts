/**
 * A real server for development and tests. It answers when you get it, and `url` stays the same for its whole life,
 * also over `restart`. Calls are carried out one after the other. A server at an address from the environment belongs
 * to somebody else: there `stop` does nothing and every other verb throws.
 */
export interface Server extends AsyncDisposable {
  /** Where clients connect: `postgres://…` or `nats://…`. */
  readonly url: string
  /** What it is and where it came from, for people: `nats-server 2.11.4 at /usr/sbin/nats-server`. */
  readonly origin: string
  /** Where a local server of ours keeps its data, for tests that copy or damage it while it is halted. */
  readonly dataFolder?: string
  /** Ends it in good order and removes its data. Final; calling it twice is fine. */
  stop(): Promise<void>
  /** Ends it in good order and keeps its data for `restart`. */
  halt(): Promise<void>
  /** Ends it as `kill -9` does and keeps its data for `restart`. Resolves when all of its processes are gone. */
  kill(): Promise<void>
  /** Starts it again at the same address with its data, halting it first if it runs. Resolves when it answers. */
  restart(): Promise<void>
  /** Freezes all of its processes: connections stay open and nothing answers. */
  pause(): Promise<void>
  /** Lets a paused server go on. */
  resume(): Promise<void>
}

/** The verbs of a server as its maker writes them; `serverOf` adds the order and the end of life. */
export type ServerVerbs = Pick<Server, 'stop' | 'halt' | 'kill' | 'restart' | 'pause' | 'resume'>

/** Makes a `Server` from its verbs: one call at a time, `stop` once and for good. */
export function serverOf(about: Pick<Server, 'url' | 'origin' | 'dataFolder'>, verbs: ServerVerbs): Server {
  let last: Promise<void> = Promise.resolve()
  let stopped: Promise<void> | undefined

  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const turn = last.then(act)
    last = turn.catch(() => {})
    return turn
  }
  const whileItLives = (name: keyof ServerVerbs) => async (): Promise<void> => {
    if (stopped !== undefined)
      throw new Error(`Cannot ${name} ${about.origin}: it was stopped for good. Start a new one.`)
    await inTurn(verbs[name])
  }
  const stop = (): Promise<void> => {
    stopped ??= inTurn(verbs.stop)
    return stopped
  }
  return Object.freeze({
    ...about,
    stop,
    halt: whileItLives('halt'),
    kill: whileItLives('kill'),
    restart: whileItLives('restart'),
    pause: whileItLives('pause'),
    resume: whileItLives('resume'),
    [Symbol.asyncDispose]: stop,
  })
}
