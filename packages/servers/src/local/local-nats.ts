import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { natsAnswers } from '../nats-answers.ts'
import type { Server } from '../server.ts'
import type { NatsProgram } from './nats-program.ts'
import { programServer } from './program-server.ts'
import { watchedFolder } from './watched-folder.ts'

export interface LocalNatsOptions {
  /** Text of a configuration file. */
  readonly config?: string | undefined
  /** Whether JetStream is on. Default yes. */
  readonly jetstream?: boolean
  /** What the server calls itself; nobody else may. Default: its folder's name. */
  readonly name?: string
  /** More of the command line. Default: none. */
  readonly args?: readonly string[]
}

/** A NATS server of our own: JetStream on, its files in its own folder, one port for clients. */
export async function localNats({ path, env, origin }: NatsProgram, options: LocalNatsOptions): Promise<Server> {
  const { config, jetstream = true, args = [] } = options
  const folder = await watchedFolder('nats')
  const configFile = join(folder.path, 'nats.conf')
  if (config !== undefined) await writeFile(configFile, config)
  // Its own name in its greeting tells it from another server that was faster at the port.
  const name = options.name ?? basename(folder.path)
  const dataFolder = join(folder.path, 'data')
  const fixed = [...(jetstream ? ['-js', '-sd', dataFolder] : []), '-a', '127.0.0.1', '-n', name, ...args]
  return programServer({
    origin,
    folder,
    dataFolder,
    env: { PATH: process.env.PATH ?? '', HOME: folder.path, ...env },
    stopSignal: 'SIGTERM',
    url: (port) => `nats://127.0.0.1:${port}`,
    command: (port) => [path, ...(config === undefined ? [] : ['-c', configFile]), ...fixed, '-p', String(port)],
    answers: (url) => natsAnswers(url, { name, jetstream }),
  })
}
