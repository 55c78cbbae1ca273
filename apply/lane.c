#include "apply/lane.h"

static mlr_lane packed_lane(const mlr_dtype *t)
{
    if (t->bits == 4) {
        return (mlr_lane){.width = 1, .kind = MLR_LANE_NIBBLE};
    }
    if (t->bits == 2) {
        return (mlr_lane){.width = 1, .kind = MLR_LANE_CRUMB};
    }
    return (mlr_lane){.width = 1, .kind = MLR_LANE_INT};
}

mlr_lane mlr_lane_of(const mlr_dtype *t)
{
    switch (t->cls) {
    case MLR_CLASS_FLOAT:
        return (mlr_lane){.width = (uint8_t)t->block_bytes, .kind = MLR_LANE_FLOAT};
    case MLR_CLASS_COMPLEX:
        return (mlr_lane){.width = (uint8_t)(t->block_bytes / 2), .kind = MLR_LANE_FLOAT};
    case MLR_CLASS_INT:
    case MLR_CLASS_UINT:
        return (mlr_lane){.width = (uint8_t)t->block_bytes, .kind = MLR_LANE_INT};
    case MLR_CLASS_PACKED:
        return packed_lane(t);
    default:
        return (mlr_lane){.width = 1, .kind = MLR_LANE_INT};
    }
}
