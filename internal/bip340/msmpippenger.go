package bip340

// pippenger is for many terms: their multiples are cut into windows of c bits; within a
// window, all points with the same digit go into one bucket, whose sum is then taken digit
// times.
func (m *msm) pippenger(r *jacobian) {
	tables := theGTables()
	m.points = append(m.points, tables.low[0], tables.high[0]) // G and 2¹²⁸·G, two more terms
	m.factors = append(m.factors, m.gLow, m.gHigh)

	c := windowBits(len(m.points))
	windows := (128 + c - 1) / c
	group := max(1, pippengerPoints/len(m.points))
	r.setInfinity()
	for high := windows; high > 0; {
		low := max(0, high-group)
		m.windows(r, c, low, high)
		high = low
	}
}

// pippengerPoints bounds how many points are worked on at once, and so the memory that takes.
const pippengerPoints = 4096

func windowBits(terms int) int {
	switch {
	case terms < 250:
		return 6
	case terms < 600:
		return 7
	default:
		return 8
	}
}

// windows multiplies r by two to the power of the bits of the windows from low up to high, and
// adds the sum of these windows.
func (m *msm) windows(r *jacobian, c, low, high int) {
	buckets := 1 << (c - 1) // of a window, for digits 1 to buckets; of the topmost window twice as many
	m.events = m.events[:0]
	for w := low; w < high; w++ {
		base := (w-low)*buckets - 1
		for i := range m.factors {
			d := m.factors[i].digit(w*c, c)
			if d == 0 {
				continue
			}
			neg := uint32(0)
			if d < 0 {
				neg, d = 1, -d
			}
			m.events = append(m.events, event{list: uint32(base + d), point: uint32(i)<<1 | neg})
		}
	}
	lists := (high - low) * buckets
	if high*c >= 128 {
		lists += buckets
	}
	m.scatter(m.points, lists)
	m.lists.reduce()
	m.weighted(r, c, high-low, lists)
}

// weighted multiplies r by two to the power of the bits of so many windows and adds their
// buckets, each times its digit.
//
// A digit is taken apart into row·2^half + column: all buckets of a row are added up, and all
// of a column, which is two cheap additions a bucket. Only the rows and columns, some twenty,
// take dear ones.
func (m *msm) weighted(r *jacobian, c, windows, lists int) {
	buckets := 1 << (c - 1)
	low := c / 2           // bits of a column
	cols := 1<<low - 1     // none for 0
	rows := 1 << (c - low) // digits are at most 2^c
	m.events = m.events[:0]
	point := uint32(0)
	for l, n := range m.lists.count {
		if n == 0 {
			continue
		}
		w := min(l/buckets, windows-1)
		d := l - w*buckets + 1
		base := w * (cols + rows)
		if col := d & cols; col != 0 {
			m.events = append(m.events, event{list: uint32(base + col - 1), point: point << 1})
		}
		if row := d >> low; row != 0 {
			m.events = append(m.events, event{list: uint32(base + cols + row - 1), point: point << 1})
		}
		point++
	}
	m.buckets = append(m.buckets[:0], m.lists.pts[:point]...)
	m.scatter(m.buckets, windows*(cols+rows))
	m.lists.reduce()
	at := 0
	for _, n := range m.lists.count {
		at += int(n)
	}
	var run, sum jacobian
	running := func(from, to int) { // from the highest list to the lowest
		run.setInfinity()
		sum.setInfinity()
		for l := from; l >= to; l-- {
			if m.lists.count[l] != 0 {
				at--
				run.addAffine(&m.lists.pts[at])
			}
			sum.add(&run)
		}
	}
	for w := windows - 1; w >= 0; w-- {
		base := w * (cols + rows)
		for range c - low {
			r.double()
		}
		running(base+cols+rows-1, base+cols)
		r.add(&sum)
		for range low {
			r.double()
		}
		running(base+cols-1, base)
		r.add(&sum)
	}
}

// digit returns the digit of k for the c bits from bit at: the digits times 2^at add up to k.
// They are between −2^(c−1) and 2^(c−1); in the topmost window, which has nowhere to carry to,
// between 0 and 2^c.
func (k *half) digit(at, c int) int {
	// the c bits, and below them the one that carries into them
	var v uint64
	switch {
	case at == 0:
		v = k.lo << 1
	case at <= 64:
		v = k.lo>>(at-1) | k.hi<<(65-at) // a shift by 64 or more gives 0
	default:
		v = k.hi >> (at - 65)
	}
	v &= 2<<c - 1
	d := int(v>>1 + v&1)
	if at+c < 128 {
		d -= int(v >> c << c) // the topmost of them carries out
	}
	if k.neg {
		return -d
	}
	return d
}
