/* Version of the library and program. The patch format has numbers of its own. */
#ifndef MLR_APPLY_VERSION_H
#define MLR_APPLY_VERSION_H

#define MLR_VERSION "0.1.0"

#endif
