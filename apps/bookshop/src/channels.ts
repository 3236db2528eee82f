import { defineChannels } from 'commitcast/events'

/** What a page can follow: all orders, one, or those of a customer. */
export const channels = defineChannels({ orders: [], order: ['id'], customer: ['id'] })
