import type { ChildProcess } from 'node:child_process'

/**
 * The command that waits at a gate before it becomes the program. A process that is started and not yet under watch
 * would be forgotten if we died just then; at the gate it dies with us, because its input ends.
 */
export function behindGate(program: string, args: readonly string[]): [file: string, args: string[]] {
  return ['/bin/sh', ['-c', 'read -r _ && exec "$@" </dev/null', 'sh', program, ...args]]
}

/** Lets the child become its program. */
export function openGate({ stdin }: ChildProcess): void {
  // A child that is gone already tells so by its end.
  stdin?.on('error', () => {})
  stdin?.end('\n')
}
