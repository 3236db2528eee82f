import { randomUUID } from 'node:crypto'
import { withTimeout } from '@commitcast/worker'
import type { ContainerRuntimeClient, GenericContainer, WaitStrategy } from 'testcontainers'
import { freePort } from '../free-port.ts'
import { type Server, serverOf } from '../server.ts'
import { becomes } from '../waits.ts'

/** A container that serves on one port, and how to talk about it, to it and of its end. */
export interface ContainerPlan {
  readonly image: string
  readonly port: number
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  container(): GenericContainer
  /** The address for clients, where `at` is host and port. */
  url(at: string): string
  answers(url: string): Promise<void>
}

type Container = ReturnType<ContainerRuntimeClient['container']['getById']>

const pullMs = 180_000
const startMs = 60_000
const stopMs = 10_000
const portAttempts = 3
const markLabel = 'commitcast.server'

/** Starts a container as a server that is ours. Its port on the host is fixed: the address outlives a restart. */
export async function containerServer(engine: ContainerRuntimeClient, plan: ContainerPlan): Promise<Server> {
  const { container, url } = await firstRun(engine, plan)
  return serverOf({ url, origin: `container ${plan.image}` }, verbsOf(container, url, plan))
}

/** Another program may take the port between our look and the engine's: then it is another port's turn. */
async function firstRun(
  engine: ContainerRuntimeClient,
  plan: ContainerPlan,
): Promise<{ container: Container; url: string }> {
  const { host } = engine.info.containerRuntime
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const url = plan.url(`${host === 'localhost' ? '127.0.0.1' : host}:${port}`)
    try {
      return { container: await runAt(engine, { plan, port, url }), url }
    } catch (error) {
      const isTaken = /already (allocated|in use)/i.test(String(error))
      if (attempt === portAttempts || !isTaken) throw error
    }
  }
}

/** Runs the container on a port of the host. Leaves nothing when it fails. */
async function runAt(
  engine: ContainerRuntimeClient,
  { plan, port, url }: { plan: ContainerPlan; port: number; url: string },
): Promise<Container> {
  const mark = randomUUID()
  const started = plan
    .container()
    .withLabels({ [markLabel]: mark })
    .withExposedPorts({ container: plan.port, host: port })
    .withWaitStrategy(ownAnswers(url, plan))
    .start()
  try {
    const running = await withTimeout(() => started, { ms: pullMs, what: `the start of ${plan.image}` })
    return engine.container.getById(running.getId())
  } catch (error) {
    // Too late is as good as never: one that comes up after all must go.
    started.then((running) => running.stop()).catch(() => {})
    const remains = await engine.container.fetchByLabel(markLabel, mark)
    if (remains === undefined) throw error
    throw await fateOf(remains, { error, plan }).finally(() => remains.remove({ force: true, v: true }))
  }
}

/** Testcontainers forgets a container that ended before its port was open, and says nothing of that end. */
async function fateOf(
  container: Container,
  { error, plan }: { error: unknown; plan: ContainerPlan },
): Promise<unknown> {
  const { Status } = (await container.inspect()).State
  return Status === 'exited' ? failure(container, plan, 'ended at its start') : error
}

async function failure(container: Container, { image }: ContainerPlan, fate: string): Promise<Error> {
  return new Error(`The container of ${image} ${fate}. Its log:\n${await logTail(container)}`)
}

function verbsOf(container: Container, url: string, plan: ContainerPlan): Parameters<typeof serverOf>[1] {
  const state = async () => (await container.inspect()).State
  const isOver = async (): Promise<boolean> => !(await state()).Running
  const resume = async (): Promise<void> => {
    if ((await state()).Paused) await container.unpause()
  }
  const end = async (signal: string): Promise<boolean> => {
    await resume()
    if (await isOver()) return true
    await container.kill({ signal })
    return becomes(isOver, stopMs)
  }
  const kill = async (): Promise<void> => {
    if (!(await end('SIGKILL'))) throw new Error(`${plan.image} still runs ${stopMs} ms after its kill`)
  }
  const halt = async (): Promise<void> => {
    if (!(await end(plan.stopSignal))) await kill()
  }
  return {
    halt,
    kill,
    resume,
    async stop() {
      await halt()
      await container.remove({ force: true, v: true })
    },
    async restart() {
      await halt()
      await container.start()
      await untilItAnswers(container, url, plan)
    },
    async pause() {
      await container.pause()
    },
  }
}

/** Our own question instead of testcontainers' looks into the log or at the port, which say less. */
function ownAnswers(url: string, plan: ContainerPlan): WaitStrategy {
  const strategy: WaitStrategy = {
    waitUntilReady: (container) => untilItAnswers(container, url, plan),
    withStartupTimeout: () => strategy,
    isStartupTimeoutSet: () => true,
    getStartupTimeout: () => startMs,
  }
  return strategy
}

async function untilItAnswers(container: Container, url: string, plan: ContainerPlan): Promise<void> {
  let refusal = ''
  const answersOrEnded = async (): Promise<boolean> => {
    try {
      await plan.answers(url)
      return true
    } catch (error) {
      refusal = error instanceof Error ? error.message : String(error)
      return !(await container.inspect()).State.Running
    }
  }
  const inTime = await becomes(answersOrEnded, startMs)
  if (inTime && (await container.inspect()).State.Running) return
  const fate = inTime ? 'ended at its start' : `did not answer within ${startMs / 1000} s: ${refusal}`
  throw await failure(container, plan, fate)
}

async function logTail(container: Container): Promise<string> {
  const log = await container.logs({ stdout: true, stderr: true, tail: 15 })
  return textOf(log)
    .trimEnd()
    .split('\n')
    .map((line) => `  | ${line}`)
    .join('\n')
}

/** The engine sends a log in frames: a head of 8 bytes, whose last 4 are the length, and a piece of text. */
function textOf(log: Buffer): string {
  const headBytes = 8
  const pieces: Buffer[] = []
  for (let at = 0; at + headBytes <= log.length; ) {
    const begin = at + headBytes
    at = begin + log.readUInt32BE(at + 4)
    pieces.push(log.subarray(begin, at))
  }
  return Buffer.concat(pieces).toString('utf8')
}
