package bip340

import (
	"hash/maphash"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func keyOf(i int) ([32]byte, fe) {
	b := [32]byte{31: byte(i), 30: byte(i >> 8), 29: byte(i >> 16)}
	var x fe
	x.setBytes(&b)
	return b, x
}

func (c *KeyCache) has(i int) bool {
	b, x := keyOf(i)
	var y fe
	ok := c.get(c.hash(&b), &x, &y)
	if ok && y != (fe{uint64(i), 1, 2, 3}) {
		panic("another key's y")
	}
	return ok
}

func (c *KeyCache) store(i int) {
	b, x := keyOf(i)
	c.put(c.hash(&b), &x, &fe{uint64(i), 1, 2, 3})
}

func TestTheLeastRecentlyUsedKeyGoesFirst(t *testing.T) {
	c := NewKeyCache(3)
	for i := range 3 {
		c.store(i)
	}
	require.True(t, c.has(0)) // 1 is the oldest now
	c.store(3)
	assert.False(t, c.has(1))
	assert.True(t, c.has(0) && c.has(2) && c.has(3))
	c.store(0) // known: used, not stored twice
	c.store(4)
	assert.False(t, c.has(2))
	assert.True(t, c.has(3) && c.has(0) && c.has(4))
}

// modelCache is an LRU that is too simple to be wrong.
type modelCache struct {
	size int
	keys []int // the newest last
}

func (m *modelCache) use(i int) bool {
	for at, k := range m.keys {
		if k == i {
			m.keys = append(append(m.keys[:at:at], m.keys[at+1:]...), i)
			return true
		}
	}
	return false
}

func (m *modelCache) store(i int) {
	if m.use(i) {
		return
	}
	if len(m.keys) == m.size {
		m.keys = m.keys[1:]
	}
	m.keys = append(m.keys, i)
}

func TestACacheDoesAsItsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for _, size := range []int{1, 2, 3, 10, 64, 100} {
		c, m := NewKeyCache(size), &modelCache{size: size}
		for range 4000 {
			i := r.IntN(2 * size)
			if r.IntN(2) == 0 {
				require.Equal(t, m.use(i), c.has(i), "size %d", size)
			} else {
				c.store(i)
				m.store(i)
			}
		}
	}
}

// Shows B19.
func TestALargeCacheHasManyLocksAndHoldsWhatItShould(t *testing.T) {
	const size = 64 * keyShards
	c := NewKeyCache(size)
	require.Len(t, c.shards, keyShards)
	for i := range 20 * size {
		c.store(i)
		require.True(t, c.has(i))
	}
	held := 0
	for i := range 20 * size {
		if c.has(i) {
			held++
		}
	}
	assert.Equal(t, size, held)
}

func TestNoCacheKeepsNothing(t *testing.T) {
	for _, c := range []*KeyCache{nil, NewKeyCache(0), NewKeyCache(-5)} {
		c.store(1)
		assert.False(t, c.has(1))
	}
}

// Shows B19.
func TestTheMemoryOfAKeyIsAsStated(t *testing.T) {
	// a chain has at most twice as many heads as keys
	assert.LessOrEqual(t, int(reflect.TypeOf(keyEntry{}).Size())+2*4, KeyCacheBytes)
}

func TestOnlyKeysOfAcceptedSignaturesAreKept(t *testing.T) {
	c := NewKeyCache(10)
	v := New(c)
	used := func() int { return c.shards[0].used }
	bad := withSig(32, bytes32(bigN))
	wrong := genuine
	wrong.Msg = &[32]byte{1}
	valid := make([]bool, 4)
	require.False(t, v.VerifyOne(bad.Pub, bad.Msg, bad.Sig))
	require.False(t, v.VerifyOne(wrong.Pub, wrong.Msg, wrong.Sig))
	require.False(t, v.VerifyBatch([]Item{wrong, bad, wrong, wrong}, valid))
	require.Zero(t, used())
	require.False(t, v.VerifyBatch([]Item{wrong, genuine, wrong, bad}, valid))
	require.Equal(t, 1, used())
	require.True(t, v.VerifyOne(genuine.Pub, genuine.Msg, genuine.Sig))
	require.False(t, v.VerifyOne(wrong.Pub, wrong.Msg, wrong.Sig))
	require.Equal(t, 1, used())

	c = NewKeyCache(10)
	v = New(c)
	require.False(t, v.VerifyBatch([]Item{wrong, wrong, withPub(bytes32(big.NewInt(1))), bad}, valid))
	require.Zero(t, used())
}

// Two keys of the same hash are two keys: in the cache, and in a batch.
func TestKeysThatShareAHashAreToldApart(t *testing.T) {
	const h = 0x1234_5678_9abc_def0
	c := NewKeyCache(4)
	_, one := keyOf(1)
	_, two := keyOf(2)
	var y fe
	c.put(h, &one, &fe{1})
	assert.False(t, c.get(h, &two, &y))
	c.put(h, &two, &fe{2})
	require.True(t, c.get(h, &one, &y))
	assert.Equal(t, fe{1}, y)
	require.True(t, c.get(h, &two, &y))
	assert.Equal(t, fe{2}, y)

	// The seed is not ours to choose, so the table of authors is told the hash.
	v := New(nil)
	b1, _ := keyOf(1)
	b2, _ := keyOf(2)
	items := []Item{{Pub: &b1}, {Pub: &b2}}
	v.table = []int32{-1, -1, -1, -1}
	require.EqualValues(t, 0, v.author(items, 0))
	v.authors[0].key = maphash.Bytes(v.seed, b2[:])
	slot := v.authors[0].key & 3
	v.table = []int32{-1, -1, -1, -1}
	v.table[slot] = 0
	assert.EqualValues(t, 1, v.author(items, 1))
}
