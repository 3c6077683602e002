package seed

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// enough is how many bytes the longest of our random programs takes: each choice takes
// eight of them at least.
const enough = 64 << 10

// Fuzz makes a target of a property: the input's bytes are its first choices, and those
// that follow are chosen by chance, the same for the same input. So every input, the
// empty one too, is a whole program, and a few bytes are enough to be kept of one that
// is worth it. Without that a program whose choices have run out before its end is
// dropped, and with it what the property has to say at the end: of the inputs that are
// kept for our longer properties there is none that gets there by itself.
func Fuzz(f *testing.F, property func(*rapid.T)) {
	for n := range 4 {
		f.Add(random([]byte{byte(n)}, 64*n))
	}
	run := rapid.MakeFuzz(property)
	f.Fuzz(func(t *testing.T, input []byte) {
		whole := (len(input) + 7) / 8 * 8 // what is chosen by chance begins with a choice of its own
		program := append(make([]byte, 0, max(whole, enough)), input...)
		program = append(program, make([]byte, whole-len(input))...)
		run(t, append(program, random(input, max(enough-whole, 0))...))
	})
}

// random returns n bytes by chance, the same for the same input.
func random(input []byte, n int) []byte {
	list := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256(input)).Read(list) // which never fails
	return list
}
