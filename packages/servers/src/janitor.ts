/**
 * The janitor: a process that outlives its owner by a moment. The owner tells it over stdin, a JSON line each, which
 * folders and processes to watch. However the owner ends, also by `kill -9`, stdin ends then; the janitor kills those
 * processes with their children, removes the folders, and is gone.
 */
import { createInterface } from 'node:readline'
import { removeFolder } from './local/remove-folder.ts'
import type { JanitorOrder } from './local/watched-folder.ts'
import { freeze, lives, type ProcessId, signal } from './process-table.ts'
import { becomes } from './waits.ts'

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})
await serve()

async function serve(): Promise<void> {
  const watched = new Map<string, ProcessId[]>()
  for await (const line of createInterface({ input: process.stdin })) {
    const { act, folder, process } = orderIn(line) ?? {}
    if (folder === undefined) continue
    if (act === 'forget') watched.delete(folder)
    else watched.set(folder, [...(watched.get(folder) ?? []).filter(lives), ...(process ? [process] : [])])
  }
  await Promise.all([...watched].map(([folder, processes]) => clean(folder, processes)))
}

/** An owner that was killed may have got no further than half a line. */
function orderIn(line: string): JanitorOrder | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Frozen first: a family that can't move can't make children while it is being killed. */
async function clean(folder: string, processes: readonly ProcessId[]): Promise<void> {
  const family = processes.filter(lives).flatMap(freeze)
  for (const member of family) signal(member, 'SIGKILL')
  await becomes(() => !family.some(lives), 5_000)
  await removeFolder(folder)
}
