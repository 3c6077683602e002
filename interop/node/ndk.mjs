import NDK, { giftUnwrap, giftWrap, NDKEvent, NDKPrivateKeySigner, NDKSubscriptionCacheUsage, NDKUser } from '@nostr-dev-kit/ndk'

export class Client {
  constructor({ url, key, auth }) {
    this.ndk = new NDK({
      explicitRelayUrls: [url],
      enableOutboxModel: false,
      autoConnectUserRelays: false,
      signer: new NDKPrivateKeySigner(key),
      relayAuthDefaultPolicy: auth ? async () => true : undefined, // true: NDK signs
      initialValidationRatio: 1, // verify every event
      lowestValidationRatio: 1,
    })
  }

  open() {
    return this.ndk.connect(20_000) // milliseconds
  }

  async publish(given) {
    const event = new NDKEvent(this.ndk, given)
    try {
      await event.publish(undefined, 20_000) // milliseconds
    } catch (e) {
      throw [...(e.errors?.values() ?? [])][0] ?? e // what the only relay said
    }
    return event.rawEvent()
  }

  subscribe(filter, onevent, oneose) {
    const sub = this.ndk.subscribe(filter, { closeOnEose: false, groupable: false, cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY }, false)
    sub.on('event', (event) => onevent(event.rawEvent()))
    sub.on('eose', oneose)
    sub.start()
  }

  async fetch(filter) {
    const found = await this.ndk.fetchEvents(filter, { groupable: false, cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY })
    return [...found].map((event) => event.rawEvent())
  }

  async count(filter) {
    return (await this.ndk.count(filter)).count
  }

  async wrap(pubkey, text) {
    const rumor = new NDKEvent(this.ndk, { kind: 14, content: text, tags: [['p', pubkey]], created_at: Math.floor(Date.now() / 1000) })
    return (await giftWrap(rumor, new NDKUser({ pubkey }))).rawEvent()
  }

  async unwrap(event) {
    return (await giftUnwrap(new NDKEvent(this.ndk, event))).rawEvent()
  }
}
