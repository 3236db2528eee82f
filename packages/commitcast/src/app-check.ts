import { checkApp, type KyselyLike, sqlIn, type TransactionLike } from '@commitcast/outbox'

/** Whether the tables belong to this app, asked once in a process. */
export interface AppCheck {
  /** Whether it was asked, and they do. */
  isDone(): boolean
  /** Throws `OtherApp` where they belong to another app. One statement, and none once that is known. */
  run(transaction: KyselyLike | TransactionLike): Promise<void>
}

export function createAppCheck({ schema, app }: { readonly schema: string; readonly app: string }): AppCheck {
  let isDone = false
  return {
    isDone: () => isDone,
    async run(transaction) {
      if (!isDone) await checkApp(sqlIn(transaction), schema, app)
      isDone = true
    },
  }
}
