import type { Owner, TopicOptions } from './broker.ts'
import { TopicMismatch } from './errors.ts'

/** Throws `TopicMismatch` where a topic that exists belongs to another database. One without an owner belongs to no one. */
export function checkOwner({ name, epoch, owner }: TopicOptions, found: Owner | undefined): void {
  if (!owner || !found || found.id === owner.id) return
  throw new TopicMismatch(
    `The topic ${name}, epoch ${epoch}, belongs to the database "${found.name}" (${found.id}); this process uses the ` +
      `database "${owner.name}" (${owner.id}). Give this app another name, or its broker another account. Where this ` +
      `database takes the place of the other one, run "commitcast topic new-epoch --from ${epoch}".`,
    { code: 'OTHER_DATABASE' },
  )
}
