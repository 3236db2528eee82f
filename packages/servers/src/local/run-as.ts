import { existsSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'

/** Another user of this machine to run a program as. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** The user for programs that refuse root: `postgres`, else `nobody`; undefined when we are not root. */
export function unprivilegedUser(): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : []
  for (const wanted of ['postgres', 'nobody']) {
    const [, , uid = '', gid = ''] = users.find((line) => line.startsWith(`${wanted}:`))?.split(':') ?? []
    if (Number(uid) > 0 && Number(gid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL refuses to run as root, and /etc/passwd has neither a user postgres nor nobody: add one')
}

/** The folder for temporary files; `/tmp` where that is closed to the user. */
export function temporaryFolder(user?: RunAs): string {
  const usual = tmpdir()
  return user === undefined || mayEnter(user, usual) ? usual : '/tmp'
}

/** Whether the file modes let a user go into a folder and all folders above. */
function mayEnter(user: RunAs, folder: string): boolean {
  const { uid, gid, mode } = statSync(folder)
  const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
  const above = dirname(resolve(folder))
  return (mode & needed) !== 0 && (above === folder || mayEnter(user, above))
}
