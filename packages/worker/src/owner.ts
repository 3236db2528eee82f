import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

let owners = 0

/** A name of this process for one share of a group's partitions: where it runs, its process id and start, and a number. */
export function newOwner(): string {
  return `${place}/${process.pid}/${startTime(process.pid)}/${++owners}`
}

/**
 * Whether the owner is a process that this one can look for, and it is gone. A process id means something only in its own
 * boot of the system and its own pid namespace, so an owner of another place never counts as gone: hosts and containers
 * may share a name.
 */
export function isGone(owner: string): boolean {
  const [where, pid, started] = owner.split('/')
  if (where !== place || !hasProcesses || !pid || !started) return false
  return startTime(Number(pid)) !== started
}

const boot = readProc(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8))
const namespace = readProc(() => readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''))
/** False on systems without /proc: there every lease runs out by itself. */
const hasProcesses = boot !== undefined && namespace !== undefined
const place = [hostname(), namespace, boot].filter((part) => part !== undefined).join(':')

/** Distinguishes a process from a later one with the same id. */
function startTime(pid: number): string | undefined {
  const stat = readProc(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function readProc(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
