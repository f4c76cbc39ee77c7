#include "understudy_softgpu.h"
