package nip19_test

import (
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

func ExampleDecode() {
	for _, pasted := range []string{npub, nprofile, naddr, nsec, "npub1typo"} {
		entity, err := nip19.Decode(pasted)
		if err != nil {
			fmt.Println(err)
			continue
		}
		switch e := entity.(type) {
		case nip19.PubKey:
			fmt.Println("author", e.PubKey)
		case nip19.Profile:
			fmt.Println("author", e.PubKey, "on", e.Relays)
		case nip19.Address:
			fmt.Println("address", e.Coordinate())
		default:
			fmt.Println("no use for", e) // a secret key, as it happens
		}
	}
	// Output:
	// author 7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e
	// author 3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d on [wss://r.x.com wss://djbas.sadkb.com]
	// address 34550:1739d937dc8c0c7370aa27585938c119e25c41f6c441a5d34c6d38503e3136ef:NostrChiavenna
	// no use for SecretKey(redacted)
	// nip19: malformed: bech32: too short for a checksum
}

func ExampleEncodeEvent() {
	ev := &nostr.Event{ID: someID, PubKey: someKey, Kind: nostr.KindTextNote}
	link, err := nip19.EncodeEvent(ev, "wss://relay.example.com")
	fmt.Println(link, err)
	// Output: nevent1qqs9ycqde7ml7lwr8kwqu9mxgzr8chv60x98qxusewmtq0z7kncmmcqpzamhxue69uhhyetvv9ujuetcv9khqmr99e3k7mgzypl8a8zz4ydlauvl4y57tldpkuhqa0q6fsg5zee7y72zxnvx4h05uqcyqqqqqqg6t9gjg <nil>
}

func ExampleFindAll() {
	content := "thanks nostr:" + npub + ", as you wrote in " + note
	for m := range nip19.FindAll(content) {
		fmt.Printf("%d-%d %T\n", m.Start, m.End, m.Entity)
	}
	// Output:
	// 7-76 nip19.PubKey
	// 94-157 nip19.Note
}

func ExampleEncodeURI() {
	fmt.Println(nip19.EncodeURI(nip19.Address{Address: nostr.Address{Kind: nostr.KindArticle, PubKey: someKey, Identifier: "hello"}}))
	// Output: nostr:naddr1qqzksetvd3hsygr706wy92gmlmcel2ffuh76rdewp67p5nq3g9nnufu5ydxcdtwlfcpsgqqqw4rs3jp8jl <nil>
}
