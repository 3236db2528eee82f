import { userInfo } from 'node:os'

/** For the history: the person at this terminal, not the database's user that all of them share. */
export function whoAmI(): string {
  return userInfo().username
}
