import { finalizeEvent, nip17, nip19, nip44, verifyEvent } from 'nostr-tools'
import { Relay } from 'nostr-tools/relay'
import { hexToBytes } from 'nostr-tools/utils'

export class Client {
  constructor({ url, key, auth }) {
    this.key = hexToBytes(key)
    this.auth = auth
    this.relay = new Relay(url, { enableReconnect: true, verifyEvent })
    this.relay.resubscribeBackoff = [100] // milliseconds, all three
    this.relay.publishTimeout = 20_000
    this.relay.baseEoseTimeout = 20_000 // then it says EOSE by itself
  }

  open() {
    return this.relay.connect()
  }

  // A Relay leaves it to its user to authenticate where something was refused, and to ask again.
  async #again(refused, ask) {
    if (!this.auth || !String(refused?.message ?? refused).startsWith('auth-required:')) throw refused
    await this.relay.auth(async (template) => finalizeEvent(template, this.key))
    return ask()
  }

  async publish(given) {
    const event = given.sig ? given : finalizeEvent(given, this.key)
    await this.relay.publish(event).catch((e) => this.#again(e, () => this.relay.publish(event)))
    return event
  }

  subscribe(filter, onevent, oneose) {
    this.relay.subscribe([filter], { onevent, oneose })
  }

  async fetch(filter) {
    const ask = () => new Promise((resolve, reject) => {
      const events = []
      const sub = this.relay.subscribe([filter], {
        onevent: (event) => events.push(event),
        oneose: () => { resolve(events); sub.close() },
        onclose: (reason) => reject(new Error(reason)),
      })
    })
    return ask().catch((e) => this.#again(e, ask))
  }

  count(filter) {
    return this.relay.count([filter], {})
  }

  wrap(publicKey, text) {
    return nip17.wrapEvent(this.key, { publicKey }, text)
  }

  unwrap(event) {
    return nip17.unwrapEvent(event, this.key)
  }

  encrypt(to, text) {
    return nip44.encrypt(text, nip44.getConversationKey(this.key, to))
  }

  decrypt(from, payload) {
    return nip44.decrypt(payload, nip44.getConversationKey(this.key, from))
  }

  encode({ type, data }) {
    return { npub: nip19.npubEncode, note: nip19.noteEncode, nprofile: nip19.nprofileEncode, nevent: nip19.neventEncode, naddr: nip19.naddrEncode }[type](data)
  }

  decode(text) {
    return nip19.decode(text)
  }
}
