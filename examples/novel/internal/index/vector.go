package index

import (
	"encoding/json"
	"fmt"
	"math"
)

// Vector is an embedding. As JSON it is a base64 text of one byte a dimension: 683 characters for 512 dimensions, where
// decimal numbers would take thousands. Only the direction of a vector counts, and that is kept to within half a percent.
type Vector []float32

// MarshalJSON scales the largest component to 127 and rounds.
func (v Vector) MarshalJSON() ([]byte, error) {
	var top float64
	for _, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("a vector with a component %v", x)
		}
		top = max(top, math.Abs(float64(x)))
	}
	b := make([]byte, len(v))
	for i, x := range v {
		if top > 0 {
			b[i] = byte(int8(math.Round(float64(x) / top * 127)))
		}
	}
	return json.Marshal(b)
}

// UnmarshalJSON gives the vector at length 1.
func (v *Vector) UnmarshalJSON(data []byte) error {
	var b []byte
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("a vector: %w", err)
	}
	*v = make(Vector, len(b))
	for i, c := range b {
		(*v)[i] = float32(int8(c))
	}
	v.normalize()
	return nil
}

func (v Vector) length() float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// normalize brings the vector to length 1; the zero vector stays.
func (v Vector) normalize() {
	if l := v.length(); l > 0 {
		for i := range v {
			v[i] = float32(float64(v[i]) / l)
		}
	}
}
