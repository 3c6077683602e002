package bip340_test

import (
	"testing"

	"github.com/gennostr/gennostr/internal/bip340"
)

// FuzzAgreement verifies any bytes alone, among genuine signatures and twice, in small and
// larger batches, and compares with btcec. Seeds are signatures of all kinds; what is made of
// them by chance is refused, but by different checks.
func FuzzAgreement(f *testing.F) {
	m := newCaseMaker(40, 20)
	for range 60 {
		item := m.crafted()
		f.Add(item.Pub[:], item.Msg[:], item.Sig[:], uint8(3))
		item = m.good()
		f.Add(item.Pub[:], item.Msg[:], item.Sig[:], uint8(20))
	}
	others := m.batch(300, 0)
	keys := bip340.NewKeyCache(16)
	f.Fuzz(func(t *testing.T, pub, msg, sig []byte, size uint8) {
		var item bip340.Item
		item.Pub, item.Msg, item.Sig = new([32]byte), new([32]byte), new([64]byte)
		copy(item.Pub[:], pub)
		copy(item.Msg[:], msg)
		copy(item.Sig[:], sig)
		want := bip340.Reference(item.Pub, item.Msg, item.Sig)
		for _, v := range []*bip340.Verifier{bip340.New(nil), bip340.New(keys)} {
			if got := v.VerifyOne(item.Pub, item.Msg, item.Sig); got != want {
				t.Fatalf("single %v, reference %v", got, want)
			}
			n := 2 + int(size)
			items := append([]bip340.Item{item, item}, others[:n-2]...)
			valid := make([]bool, n)
			if v.VerifyBatch(items, valid) != want {
				t.Fatalf("batch of %d, reference %v", n, want)
			}
			for i, ok := range valid {
				if ok != (want || i > 1) {
					t.Fatalf("%d of a batch of %d: %v", i, n, ok)
				}
			}
		}
	})
}
