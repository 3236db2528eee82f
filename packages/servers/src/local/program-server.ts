import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { descendants, freeze, isFrozen, signal } from '../process-table.ts'
import { type Server, serverOf } from '../server.ts'
import { becomes } from '../waits.ts'
import { isOver, killFamily, killParent, type Program, type Run, startMs, startRun } from './program-run.ts'
import { type ServerLog, serverLog } from './server-log.ts'

const stopMs = 10_000
const portAttempts = 5

/** Starts a program on a free port as a server that is ours. Removes its folder when it does not come up. */
export async function programServer(program: Program): Promise<Server> {
  const log = serverLog(`${program.folder.path}/server.log`)
  try {
    const { port, run } = await firstRun(program, log)
    return ownServer(program, log, port, run)
  } catch (error) {
    await program.folder.remove()
    throw error
  }
}

/** Another program may take the port between our look and its start: then it is another port's turn. */
async function firstRun(program: Program, log: ServerLog): Promise<{ port: number; run: Run }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      return { port, run: await startRun(program, port, log) }
    } catch (error) {
      if (attempt === portAttempts || !/address already in use/i.test(await log.read())) throw error
    }
  }
}

function ownServer(program: Program, log: ServerLog, port: number, firstRun: Run): Server {
  let run = firstRun
  let paused = false
  const { origin, folder, dataFolder, stopSignal } = program

  const resume = async (): Promise<void> => {
    if (paused) for (const member of [...descendants(run.id), run.id]) signal(member, 'SIGCONT')
    paused = false
  }
  const halt = async (): Promise<void> => {
    await resume()
    signal(run.id, stopSignal)
    if (!(await becomes(() => isOver(run), stopMs))) await killFamily(run)
  }
  return serverOf(
    { url: program.url(port), origin, dataFolder },
    {
      halt,
      resume,
      async stop() {
        await halt()
        await folder.remove()
      },
      async kill() {
        // Frozen children of a killed parent can't notice its death.
        if (paused) await killFamily(run)
        else await killParent(run)
        paused = false
      },
      async restart() {
        await halt()
        run = await startAgain(program, port, log)
      },
      async pause() {
        if (isOver(run)) throw new Error(`Cannot pause ${origin}: it does not run. Call restart first.`)
        const family = freeze(run.id)
        paused = true
        await becomes(() => family.every(isFrozen), stopMs)
      },
    },
  )
}

/** After a kill the system may hold the port, the lock file or the shared memory of the old run for a moment. */
async function startAgain(program: Program, port: number, log: ServerLog): Promise<Run> {
  const end = performance.now() + startMs
  for (;;) {
    try {
      return await startRun(program, port, log)
    } catch (error) {
      const passes = /address already in use|already exists|is still in use/i.test(await log.read())
      if (!passes || performance.now() > end) throw error
      await sleep(100)
    }
  }
}
