package stock_test

import (
	"testing"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/sim/conformance"
)

func TestConformance(t *testing.T) { conformance.Test(t, stock.Service) }
