package nip49_test

import (
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip49"
)

func Example() {
	sk := nostr.GenerateSecretKey()
	s, err := nip49.Encrypt(sk, "correct horse battery staple", nip49.DefaultLogN, nip49.NotKnownToHaveBeenHandledInsecurely)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s[:10], len(s))

	back, err := nip49.Decrypt(s, "correct horse battery staple")
	fmt.Println(back.Equal(sk), err)

	_, err = nip49.Decrypt(s, "Tr0ub4dor&3")
	fmt.Println(err)
	// Output:
	// ncryptsec1 162
	// true <nil>
	// nip49: wrong password, or a changed ncryptsec
}

func ExampleWithMaxLogN() {
	_, err := nip49.Decrypt(example, password, nip49.WithMaxLogN(14)) // 16 MiB are all there is
	fmt.Println(err)
	// Output: nip49: log_n out of bounds: 16, want 1 to 14
}
