package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// small writes a picture with at most 256 colours, its commonest ones: a page has few, and the file is a third as large.
func small(data []byte) ([]byte, error) {
	src, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	bounds := src.Bounds()
	counts := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		r, g, b, _ := src.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	dst := image.NewPaletted(bounds, palette(counts))
	nearest := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(dst.Palette.Index(c))
				nearest[c] = i
			}
			dst.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, dst)
	return b.Bytes(), err
}

func palette(counts map[color.RGBA]int) color.Palette {
	type entry struct {
		c color.RGBA
		n int
	}
	var all []entry
	for c, n := range counts {
		all = append(all, entry{c, n})
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.c.R, b.c.R), cmp.Compare(a.c.G, b.c.G), cmp.Compare(a.c.B, b.c.B))
	})
	const common = 128 // taken as they are
	var chosen []color.RGBA
	for _, e := range all {
		if len(chosen) < common || len(chosen) < 256 && !slices.ContainsFunc(chosen, func(c color.RGBA) bool { return near(c, e.c) }) {
			chosen = append(chosen, e.c)
		}
	}
	var p color.Palette
	for _, c := range chosen {
		p = append(p, c)
	}
	return p
}

// near says that one of two colours will do: so there is room for rare ones too.
func near(a, b color.RGBA) bool {
	const most = 7
	far := func(x, y uint8) bool { return max(x, y)-min(x, y) > most }
	return !far(a.R, b.R) && !far(a.G, b.G) && !far(a.B, b.B)
}
