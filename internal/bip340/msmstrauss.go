package bip340

// strauss is for few terms: each has a table of its odd multiples, and at each of the 129 bits
// some of them are added. All that belongs to one bit is added up first, with shared
// inversions, if batched; and added one by one if not.
func (m *msm) strauss(r *jacobian, batched bool) {
	m.oddTables()
	tables := theGTables()
	m.events = m.events[:0]
	top := 0
	for i, k := range m.factors {
		m.nafs = k.sparse(m.nafs[:0], pWindow)
		for _, d := range m.nafs {
			m.event(d, i*pSize)
		}
		top = max(top, m.nafTop())
	}
	// The few multiples of G that are needed come behind the tables.
	for i, k := range [2]half{m.gLow, m.gHigh} {
		m.nafs = k.sparse(m.nafs[:0], gWindow)
		from := &tables.low
		if i == 1 {
			from = &tables.high
		}
		for _, d := range m.nafs {
			m.tables = append(m.tables, from[index(d.value)])
			one := nafDigit{at: d.at, value: 1}
			if d.value < 0 {
				one.value = -1
			}
			m.event(one, len(m.tables)-1)
		}
		top = max(top, m.nafTop())
	}
	m.scatter(m.tables, top)
	if batched {
		m.lists.reduce()
	}
	at := len(m.lists.pts)
	if batched {
		at = 0
		for _, n := range m.lists.count {
			at += int(n)
		}
	}
	r.setInfinity()
	for i := top - 1; i >= 0; i-- {
		r.double()
		for range m.lists.count[i] {
			at--
			r.addAffine(&m.lists.pts[at])
		}
	}
}

func (m *msm) nafTop() int {
	if len(m.nafs) == 0 {
		return 0
	}
	return int(m.nafs[len(m.nafs)-1].at) + 1
}

func (m *msm) event(d nafDigit, table int) {
	neg := uint32(0)
	if d.value < 0 {
		neg = 1
	}
	m.events = append(m.events, event{list: uint32(d.at), point: uint32(table+index(d.value))<<1 | neg})
}

// oddTables fills tables with the odd multiples of all terms.
func (m *msm) oddTables() {
	n := len(m.points)
	m.tables = resize(m.tables, n*pSize+64)[:n*pSize]
	m.twice = resize(m.twice, n)
	m.lists.resize(2 * n)
	for i := range m.points {
		m.tables[i*pSize] = m.points[i]
	}
	// 2P, 3P = P + 2P, 5P = 3P + 2P, …: in no pair are both the same but in the first, and
	// none cancels, since the order of P is a large prime. The inverses are shared as those of
	// sums are.
	prods := m.lists.prods
	for k := range pSize {
		prods[0], prods[1] = feOne, feOne
		used := 0
		var d, q fe
		for i := range m.points {
			switch {
			case m.beta[i]:
				continue
			case k == 0:
				d.add(&m.points[i].y, &m.points[i].y)
				prods[used+2].mul(&prods[used], &d)
			default:
				prods[used+2].mulDiff(&m.twice[i].x, &m.tables[i*pSize+k-1].x, &prods[used])
			}
			used++
		}
		inv := invertProducts(prods, used)
		for i := n - 1; i >= 0; i-- {
			if m.beta[i] {
				continue
			}
			used--
			chain := &inv[used&1]
			q.mul(chain, &prods[used])
			if k == 0 {
				p := &m.points[i]
				d.add(&p.y, &p.y)
				chain.mul(chain, &d)
				m.twice[i].doubleWith(p, &q)
				continue
			}
			from := &m.tables[i*pSize+k-1]
			chain.mulDiff(&m.twice[i].x, &from.x, chain)
			m.tables[i*pSize+k].addWith(from, &m.twice[i], &q)
		}
	}
	for i := range m.points {
		if !m.beta[i] {
			continue
		}
		for k := 1; k < pSize; k++ {
			at := i*pSize + k
			m.tables[at].x.mul(&m.tables[at-pSize].x, &feBeta)
			m.tables[at].y = m.tables[at-pSize].y
		}
	}
}
