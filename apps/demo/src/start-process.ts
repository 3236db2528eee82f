import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type AppName = 'api' | 'relay' | 'stream' | 'web'

export interface AppProcess {
  /** Asks it to drain; kills it where it has not ended after 3 s. */
  stop(): Promise<void>
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
  /** Rejects when it ends without having been asked. */
  readonly crashed: Promise<never>
}

const patienceMs = 3_000

/**
 * Starts `apps/<name>` with its own environment. Its log lines go to `onLine`. It ends with this process, however that
 * ends: it notices when its channel to us is gone.
 */
export function startProcess(
  entry: AppName,
  { env, onLine }: { env: Readonly<Record<string, string>>; onLine: (line: string) => void },
): AppProcess {
  const folder = entry === 'web' ? 'server' : 'src'
  const script = fileURLToPath(new URL(`../../${entry}/${folder}/main.ts`, import.meta.url))
  const child = fork(script, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', onLine)
  let isStopping = false
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))))
  const crashed = ended.then((how): Promise<never> => {
    if (isStopping) return new Promise(() => {})
    throw new Error(`The ${entry} process ended (${how}).`)
  })
  crashed.catch(() => {})
  return {
    crashed,
    async kill() {
      isStopping = true
      child.kill('SIGKILL')
      await ended
    },
    async stop() {
      isStopping = true
      await endWithin(child, ended)
    },
  }
}

async function endWithin(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await ended
  clearTimeout(timer)
}
