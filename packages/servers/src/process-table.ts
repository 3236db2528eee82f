import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** A process beyond doubt: the number alone may be given to another process later. */
export interface ProcessId {
  readonly pid: number
  /** When it started, in the system's own words. */
  readonly started: string
}

interface Entry extends ProcessId {
  readonly parent: number
}

/** The process with this number, or undefined when it is gone. One that is dead and not yet buried (a zombie) is gone. */
export function processWith(pid: number): ProcessId | undefined {
  const entry = process.platform === 'linux' ? readStat(pid) : psTable().find((row) => row.pid === pid)
  return entry && { pid, started: entry.started }
}

export function lives({ pid, started }: ProcessId): boolean {
  return processWith(pid)?.started === started
}

/** All living descendants of a living process. Those of a dead one have lost their tie to it: there are none. */
export function descendants(root: ProcessId): ProcessId[] {
  const table = process.platform === 'linux' ? linuxTable() : psTable()
  const below = (pid: number): Entry[] =>
    table.filter(({ parent }) => parent === pid).flatMap((entry) => [entry, ...below(entry.pid)])
  return lives(root) ? below(root.pid) : []
}

/** Sends a signal; says false when the process is gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  return lives(target) && sent(target.pid, name)
}

/** Freezes a process and all its descendants. The parent comes first, so that it can't make children behind our back. */
export function freeze(root: ProcessId): ProcessId[] {
  signal(root, 'SIGSTOP')
  const family = [root, ...descendants(root)]
  for (const member of family) signal(member, 'SIGSTOP')
  return family
}

/** Whether all threads of a process stand still: a stop reaches them one by one. Without /proc the signal has to do. */
export function isFrozen({ pid }: ProcessId): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.every((thread) => /^[TtZX]/.test(fieldsOf(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))))
  } catch {
    return true
  }
}

function sent(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

function linuxTable(): Entry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((entry) => entry !== undefined)
}

/** `/proc/PID/stat` is `PID (NAME) STATE PPID …`, with the start time as the 22nd field; NAME may hold anything. */
function fieldsOf(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2)
}

function readStat(pid: number): Entry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = '', ...rest] = fieldsOf(stat).split(' ')
    return 'ZX'.includes(state) ? undefined : { pid, parent: Number(parent), started: rest[17] ?? '' }
  } catch {
    return undefined
  }
}

function psTable(): Entry[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid=', '-o', 'state=', '-o', 'lstart='], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  return rows.split('\n').flatMap((row) => {
    const [pid = '', parent = '', state = '', ...started] = row.trim().split(/\s+/)
    return pid === '' || state.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), started: started.join(' ') }]
  })
}
